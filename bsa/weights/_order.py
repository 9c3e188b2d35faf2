"""The order of the inputs of dense layers, compared with PyTorch's, which flattens images channels first.

The layers between the last image with a known layout and a dense layer are run on test inputs that show which input
comes out where: they may flatten, reshape, permute and transpose in any way.
"""

import keras
import numpy as np

from bsa.errors import WeightsError

POOLED = ("GlobalAveragePooling2D", "GlobalMaxPooling2D", "Mean", "Max", "Amax")  # leave a number a channel
OFF, ON = 0.5, 0.75  # what a number is given: activations leave them apart
DRAWS = 8  # random inputs by which an order is checked that was found


def orders(model):
    """For the name of each layer with weights: the place in PyTorch of each of its inputs, (features,) int.

    None for a layer that takes no vectors. Raises WeightsError where an order cannot be told: in a subclassed model,
    for a layer that is used twice, and where something between does more than put single numbers into another order.
    """
    try:  # each layer of a copy was called for this model alone
        copy = keras.models.clone_model(model, clone_function=_cloned)
        weighted = [layer for layer in copy.layers if layer.weights]
        makers = _makers(copy)
    except Exception as error:  # whatever a layer of the user's own may raise
        raise WeightsError(
            f"expected a Sequential or functional model, through which the order of weights can be traced, found "
            f"{model.name}, {type(model).__name__} ({type(error).__name__})"
        ) from None
    return {layer.name: _Trace(layer, makers).order() for layer in weighted}


def _cloned(layer):
    if type(layer) is keras.layers.Lambda:  # Keras makes none from a config, where it could come out of a file
        return keras.layers.Lambda(layer.function, arguments=layer.arguments, name=layer.name)
    return type(layer).from_config(layer.get_config())


def _makers(model):
    """What gives each tensor of a model: id of the tensor -> layer or operation, None for an input."""
    operations = model.layers if isinstance(model, keras.Sequential) else model.operations
    made = {id(t): each for each in operations for t in keras.tree.flatten(each.output)}
    return made | {id(t): None for t in keras.tree.flatten(model.inputs)}


class _Trace:
    """From the input of one layer backwards."""

    def __init__(self, layer, makers):
        self.layer, self.makers = layer, makers

    def order(self):
        layer = self.layer
        if len(layer._inbound_nodes) != 1:
            raise self.unknown("a layer that is used once", f"it {len(layer._inbound_nodes)} times")
        if len(layer.input.shape) == 2:
            return self.places(layer.input)
        path = self.path(layer.input)
        shape = tuple(layer.input.shape[1:])
        if len(path[0].shape) == 2 and len(shape) == 3 and None not in shape:  # a vector made into an image
            found = moved(path[0], layer.input, np.arange(path[0].shape[1]))
            if not np.array_equal(found, channels_first(shape, _form(layer)).ravel()):
                raise self.unknown("a vector made into an image with channels first", "another order")
        return None

    def unknown(self, expected, found):
        return WeightsError(f"the order of weights of {self.layer.name}: expected {expected}, found {found}")

    def maker(self, tensor):
        if id(tensor) not in self.makers:
            raise self.unknown("layers that are used once", "one that is used again")
        return self.makers[id(tensor)]

    def path(self, tensor):
        """The tensors from the last that another thing made than one input put into another form, to `tensor`."""
        path = [tensor]
        while (maker := self.maker(path[0])) is not None and not _ends(maker):
            path.insert(0, maker.input)
        return path

    def places(self, tensor):
        """The places in PyTorch of the numbers of a tensor (n, features)."""
        path = self.path(tensor)
        source, maker = path[0], self.maker(path[0])
        if len(source.shape) == 2:
            several = keras.tree.flatten(maker.input) if maker is not None and not _single(maker) else []
            for part in map(self.places, several):
                if not np.array_equal(part, np.arange(len(part))):
                    raise self.unknown("vectors put together in PyTorch's order", f"images in {maker.name}")
            places = np.arange(source.shape[1])
            if all(len(t.shape) == 2 for t in path):
                return places
        elif None in source.shape[1:]:
            raise self.unknown("images of a known size", f"{source.shape[1:]}")
        else:
            places = channels_first(tuple(source.shape[1:]), self.form(source))
        found = moved(source, tensor, places)
        if found is None:
            raise self.unknown("the numbers before it once each, in any order", "something else made of them")
        return found

    def form(self, tensor):
        """Where images have their channels: last, as they come in, or as the layer before says."""
        maker = self.maker(tensor)
        if maker is None:
            return "channels_last"
        if hasattr(maker, "data_format") and not isinstance(maker, keras.layers.Flatten):
            return _form(maker)
        before = [t for t in keras.tree.flatten(maker.input) if len(t.shape) == 4]
        forms = {self.form(self.path(t)[0]) if self.stays(t) else None for t in before} or {"channels_last"}
        if len(forms) > 1 or None in forms:
            raise self.unknown("images that come as a convolution or a pooling gives them", f"others in {maker.name}")
        return forms.pop()

    def stays(self, tensor):
        """Whether the images of a tensor lie as those that its path begins with."""
        source, shape = self.path(tensor)[0], tuple(tensor.shape[1:])
        if source is tensor or None in shape:
            return source is tensor
        places = np.arange(np.prod(shape)).reshape(shape)
        same = tuple(source.shape) == tuple(tensor.shape)
        return same and np.array_equal(moved(source, tensor, places), places.ravel())


def _form(layer):
    return layer.data_format or keras.config.image_data_format()


def _single(maker):
    return hasattr(maker.input, "shape")


def _ends(maker):
    """Whether a trace ends at what a layer or an operation gives, for it mixes numbers or says how images lie."""
    says = hasattr(maker, "data_format") and not isinstance(maker, keras.layers.Flatten)
    return says or type(maker).__name__ in POOLED or bool(getattr(maker, "weights", ())) or not _single(maker)


def channels_first(shape, form):
    """The places of the numbers of an image of a shape when it is flattened channels first."""
    if len(shape) != 3 or form == "channels_first":
        return np.arange(np.prod(shape)).reshape(shape)
    height, width, channels = shape
    return np.arange(np.prod(shape)).reshape(channels, height, width).transpose(1, 2, 0)


def moved(source, tensor, places):
    """`places`, an array like one example of `source`, in the order in which its numbers come out at `tensor`.

    None where they do not come out once each, or not each by itself. The inputs that are tried spell a place in bits.
    """
    bits = int(places.size - 1).bit_length()
    spelt = places[None] >> np.arange(bits).reshape(-1, *[1] * places.ndim) & 1
    drawn = np.random.default_rng(0).integers(0, 2, (DRAWS, places.size))
    whole = [np.zeros_like(places), np.ones_like(places)]
    given = np.where(np.stack([*whole, *spelt, *drawn[:, places]]), np.float32(ON), np.float32(OFF))
    try:
        off, on, *found = np.asarray(keras.Model(source, tensor)(given, training=False), np.float32)
    except Exception:  # whatever an operation raises that does not take any number of examples
        return None
    off, on, found = off.ravel(), on.ravel(), np.stack(found).reshape(len(found), -1)
    lit = found == on
    order = (lit[:bits] << np.arange(bits)[:, None]).sum(0)
    if len(order) != places.size or (np.sort(order) != np.arange(places.size)).any() or (off == on).any():
        return None
    alone = (lit | (found == off)).all() and (lit[bits:] == drawn[:, order]).all()
    return order if alone else None
