"""Networks of PyTorch: its own numbers are the reference, and Keras's for opened ReLUs."""

import gc
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf

import bsa
from bsa import neighbours
from bsa.errors import UsageError
from bsa.networks import fingerprint, logits
from bsa.rewrites.opened import opened
from bsa.rewrites.precision import twin

torch = pytest.importorskip("torch", reason='PyTorch is not installed: pip install "bsa[torch]"')
nn, F = torch.nn, torch.nn.functional
from bsa.pytorch import network  # noqa: E402

SHAPE = (6, 8, 3)  # high, wide and deep tell axes apart
X = np.random.default_rng(0).uniform(size=(5, *SHAPE)).astype(np.float32)
WRITTEN = {  # how a ReLU may be written
    "a layer": lambda h: nn.ReLU()(h),
    "a layer in place, its result unused": lambda h: (nn.ReLU(inplace=True)(h), h)[1],
    "a function": lambda h: F.relu(h),
    "a function of torch": lambda h: torch.relu(h),
    "a method": lambda h: h.relu(),
    "a method in place": lambda h: (h.relu_(), h)[1],
}
CAPPED = {"a layer": lambda h: nn.ReLU6()(h), "a function": lambda h: F.relu6(h)}


class Small(nn.Module):
    """Two convolutions and a matrix, with functions of one's own between them."""

    def __init__(self, first=F.relu, second=F.relu6):
        super().__init__()
        torch.manual_seed(1)
        self.one, self.two, self.last = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3, padding=1), nn.Linear(4 * 4 * 6, 5)
        self.first, self.second = first, second

    def forward(self, x):
        h = self.second(self.two(self.first(self.one(x))))
        return 8 * self.last(h.view(len(h), -1))  # a view: only for images that lie as PyTorch has them


def in_torch(x):
    return torch.tensor(np.moveaxis(x, -1, 1).copy())


def from_torch(module, **more):
    return bsa.from_torch(module, **{"input_shape": SHAPE} | more)


def slopes(model, x):
    """The gradient for x of the sum of squared logits."""
    x = tf.convert_to_tensor(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = tf.reduce_sum(model(x, training=False) ** 2)
    return tape.gradient(value, x)


def torch_slopes(net, x):
    images = in_torch(x).requires_grad_()
    (net(images) ** 2).sum().backward()
    return np.moveaxis(images.grad.numpy(), 1, -1)


def in_keras(net):
    """`Small` with ReLU and ReLU6 as a Keras model."""
    layers = keras.layers
    model = keras.Sequential([
        keras.Input(SHAPE), layers.Conv2D(4, 3, activation="relu"), layers.Conv2D(4, 3, padding="same"),
        layers.ReLU(max_value=6), layers.Permute((3, 1, 2)), layers.Flatten(), layers.Dense(5), layers.Rescaling(8.0),
    ])  # fmt: skip
    arrays = [p.detach().numpy() for p in net.parameters()]
    model.set_weights([a.transpose(2, 3, 1, 0) if a.ndim == 4 else a.T for a in arrays])
    return model


def test_a_fingerprint_is_of_the_modules_weights():
    module = Small()
    before = fingerprint(from_torch(module))
    assert fingerprint(from_torch(Small())) == before
    with torch.no_grad():
        module.last.bias += 1
    assert fingerprint(from_torch(module)) != before


@pytest.mark.parametrize("shape", [SHAPE, (None, None, 3)], ids=["stated", "open"])
@pytest.mark.parametrize("traced", [False, True], ids=["eager", "graph"])
def test_logits_and_gradients_are_pytorchs_own(shape, traced):
    net = Small()
    model = network(net, shape)
    assert model.output_shape == (None, 5 if shape == SHAPE else None)
    signature = [tf.TensorSpec([None, *SHAPE])]  # the number of images is open, as in an attack
    found = tf.function(lambda x: model(x), signature)(X) if traced else model(X)
    # the same arithmetic by the same kernels
    np.testing.assert_array_equal(found, net(in_torch(X)).detach().numpy())
    gradient = tf.function(lambda x: slopes(model, x), signature) if traced else lambda x: slopes(model, x)
    np.testing.assert_array_equal(gradient(X), torch_slopes(net, X))
    np.testing.assert_array_equal(gradient(X[:2] / 2), torch_slopes(net, X[:2] / 2))


def test_gradients_are_finite_differences():
    net = Small()
    slope = slopes(from_torch(net), X).numpy()
    direction = np.random.default_rng(1).normal(size=X.shape)
    net.double()
    above, below = ((net(in_torch(X + h * direction)) ** 2).sum().item() for h in (1e-6, -1e-6))
    # rounding of the float32 gradient, some 1e-6 of it, is all: differences in float64 are right to 1e-9
    assert (slope * direction).sum() == pytest.approx((above - below) / 2e-6, rel=1e-4)


def test_a_graph_knows_the_shapes():
    model = network(Small(), (None, None, 3))
    traced = tf.function(lambda x: (model(x), slopes(model, x)))
    found = traced.get_concrete_function(tf.TensorSpec([None, *SHAPE])).output_shapes
    assert [tuple(shape) for shape in found] == [(None, 5), (None, *SHAPE)]


def test_a_gradient_is_right_after_another_pass():
    net = Small()
    model = from_torch(net)

    @tf.function
    def crossed(a, b):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch([a, b])
            first = tf.reduce_sum(model(a) ** 2)
            with tf.control_dependencies([first]):
                second = tf.reduce_sum(model(b) ** 2)
        return tape.gradient(first, a), tape.gradient(second, b)

    found = crossed(X[:2], X[2:])
    for slope, x in zip(found, (X[:2], X[2:]), strict=True):
        np.testing.assert_array_equal(slope, torch_slopes(net, x))


@pytest.mark.parametrize(("first", "second"), [*((f, "a function") for f in WRITTEN), ("a function", "a layer")])
def test_relus_are_opened_as_in_keras(first, second):
    net = Small(WRITTEN[first], CAPPED[second])
    model, ours = from_torch(net), in_keras(net)
    found, wanted = opened(model, 3.0), opened(ours, 3.0)
    np.testing.assert_array_equal(found(X), model(X))
    plain, slope = slopes(ours, X).numpy(), slopes(wanted, X).numpy()
    np.testing.assert_allclose(slopes(model, X), plain, atol=1e-5 * np.abs(plain).max())  # sums in another order
    np.testing.assert_allclose(slopes(found, X), slope, atol=1e-5 * np.abs(slope).max())
    assert np.abs(slope - plain).max() > 0.1 * np.abs(plain).max()  # otherwise nothing was opened


def test_a_network_without_relus_is_not_opened():
    model = from_torch(Small(torch.tanh, torch.tanh))
    assert opened(model, 3.0) is model


def test_inference_mode_and_the_module_stays_in_its_own():
    net = nn.Sequential(nn.BatchNorm2d(3), nn.Dropout(0.5), nn.Flatten(), nn.Linear(144, 4))
    net[0].running_mean += 1
    net[1].eval()
    model = from_torch(net)
    found = model(X, training=True)
    assert [each.training for each in net.modules()] == [True, True, False, True, True]
    np.testing.assert_array_equal(found, net.eval()(in_torch(X)).detach().numpy())


def test_weights_are_those_of_the_moment():
    net = Small()
    model = from_torch(net)
    attack = bsa.attack("pgd", model, epsilon=0.1, steps=2)
    before = logits(model, X).argmax(-1)
    attack(X, before)
    with torch.no_grad():
        net.last.weight.neg_()
        net.last.bias.neg_()
    after = logits(model, X).argmax(-1)
    assert (after != before).all()
    assert attack(X, after).correct.all()


@pytest.mark.parametrize("form", [lambda z: [z], lambda z: {"scores": z}, lambda z: type("Output", (), {"logits": z})])
def test_logits_may_be_wrapped_and_images_changed_in_place(form):
    class Wrapped(Small):
        def forward(self, x):
            return form(super().forward(x.sub_(0.5)))

    np.testing.assert_array_equal(slopes(from_torch(Wrapped()), X), torch_slopes(lambda x: Small().forward(x - 0.5), X))


def test_pixels_and_probabilities_are_as_of_a_keras_model():
    """The attack's gradient goes through the mean and standard deviation, and the softmax is undone."""
    net, mean, std = Small(), [0.4, 0.5, 0.6], [0.2, 0.25, 0.3]
    model = from_torch(nn.Sequential(net, nn.Softmax(1)), pixels={"mean": mean, "std": std})
    assert model.wrapping.difference < 1e-6
    assert any("attacked through their logarithms" in note for note in model.wrapping.notes)

    def whole(x):
        return torch.log_softmax(net((x - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]), 1)

    np.testing.assert_allclose(model(X), whole(in_torch(X)).detach(), rtol=1e-4, atol=1e-4)
    slope = torch_slopes(whole, X)
    np.testing.assert_allclose(slopes(model, X), slope, atol=1e-4 * np.abs(slope).max())
    assert opened(model, 3.0) is not model


def test_a_module_without_a_gradient_gives_zeros():
    class Fixed(Small):
        @torch.no_grad()
        def forward(self, x):
            return super().forward(x)

    assert not np.any(slopes(from_torch(Fixed()), X))


def test_attacks_find_what_they_find_on_the_same_network_in_keras(trained, trained_in_torch, attacked_images):
    x, y, index = (part[:12] for part in attacked_images)
    model = bsa.from_torch(trained_in_torch, input_shape=(28, 28, 1))
    params = {"epsilon": 0.1, "effort": "quick", "leg": {"steps": 5, "targets": 0}, "resume": {"times": 0}}
    found, wanted = (bsa.attack("corner_descent", m, **params)(x, y, index=index) for m in (model, trained))
    assert found.notes == wanted.notes == ()  # a note would say that no ReLU was opened
    assert 0 < found.success.sum() < 12
    np.testing.assert_array_equal(found.success, wanted.success)
    np.testing.assert_array_equal(found.passes, wanted.passes)


def test_a_copy_of_lower_precision_is_pytorchs_float32():
    model = from_torch(Small())
    np.testing.assert_array_equal(twin(model, "mixed_bfloat16")(X), model(X))


def test_sanity_checks_and_measures(attacked_images):
    x, y, _ = (part[:60] for part in attacked_images)
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    net[1].weight.data = torch.tensor(np.stack([x[y == c].mean(0).ravel() - 0.2 for c in range(10)]))
    net[1].bias.data = -12 * net[1].weight.data.clamp(min=0).square().mean(1)
    model = bsa.from_torch(net, input_shape=(28, 28, 1))
    right = bsa.measure("accuracy", model, x, y)["accuracy"]
    assert right > 0.5
    checks = bsa.sanity("pgd", model, x, y, epsilon=0.2, steps=3, checks={"images": 32, "queries": 10})
    by_name = {check.check: check for check in checks}
    assert by_name["radius 1 breaks all"].passed
    assert by_name["distances"].passed
    assert not any(check.passed is False for check in checks if "gradient" in check.check)


def test_a_network_is_freed_when_nobody_has_it():
    net = Small()
    model = from_torch(net)
    y = logits(model, X).argmax(-1)
    bsa.attack("pgd", model, epsilon=0.1, steps=2)(X, y)
    held = weakref.ref(net)
    del net, model
    gc.collect()
    assert held() is None


def built_for(action):
    return lambda folder: action(from_torch(Small()), folder)


@pytest.mark.parametrize(
    ("action", "error", "message"),
    [
        (lambda _: from_torch(len), UsageError, r"expected a torch\.nn\.Module, found builtin_function_or_method"),
        (lambda _: from_torch(Small().half()), ValueError, r"in float32, found torch\.float16: give module\.float\(\)"),
        (lambda _: from_torch(Small(), input_shape=(6, 8, 1)), ValueError, r"images \(n, 1, 6, 8\).*RuntimeError"),
        (lambda _: from_torch(Small(), input_shape=(9, 9, 3)), ValueError, r"images \(n, 3, 9, 9\).*RuntimeError"),
        (lambda _: from_torch(nn.Conv2d(3, 2, 1)), ValueError, r"for 1 images is of shape \(1, 2, 6, 8\)"),
        (lambda _: from_torch(nn.LSTM(8, 2)), ValueError, "expected a module that takes images .* found "),
        (lambda _: bsa.from_torch(Small()), UsageError, r"expected input_shape \(height, width.* found none"),
        (lambda _: bsa.from_torch(Small(), input_shape=(None, None, 3)), UsageError, r"found \(None, None, 3\)"),
        (lambda _: bsa.attack("pgd", network(Small(), (None, None, 3)), epsilon=0.1)(X[:, :4], [0] * 5), ValueError,
         r"images \(n, 3, 4, 8\) and returns logits \(n, classes\), found RuntimeError"),
        (built_for(lambda m, folder: m.save(folder / "a.keras")), ValueError, "that Keras can save, found one of PyT"),
        (built_for(lambda m, _: __import__("pickle").dumps(m)), ValueError, "without a store and without Ray"),
        (built_for(lambda m, _: bsa.attack("pgd", m, epsilon=0.1, jit_compile=True)), ValueError, "XLA cannot compile"),
        (built_for(lambda m, _: bsa.sanity("pgd", m, X, [0] * 5, epsilon=0.1, jit_compile=True)), ValueError, "XLA"),
        (built_for(lambda m, _: bsa.certificate("outer_polytope", m, epsilon=0.1)), ValueError, "layer pytorch"),
        (built_for(lambda m, _: bsa.fit("natural", m, (X, [0] * 5), steps=1)), ValueError, "weights to train, found n"),
        (built_for(lambda m, _: bsa.measure("nearest", m, X, [0] * 5, training=(X, [0] * 5))), UsageError, "pytorch"),
    ],
)  # fmt: skip
def test_what_it_cannot_do_is_said_in_a_sentence(action, error, message, tmp_path):
    with pytest.raises(error, match=message) as caught:
        action(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_released_network_is_as_robust_in_keras(weights_dir, data_dir):
    file, test = weights_dir / "cnn_a_adv4_cifar10.pth", bsa.load("cifar10", split="test", data_dir=data_dir)
    if not file.is_file():
        pytest.skip(f"no {file.name} in BSA_WEIGHTS_DIR")
    x, y = test.x[:2000], test.y[:2000]
    mean, std = [0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.201]
    ours = bsa.build("wong_small", input_shape=(32, 32, 3), num_classes=10, mean=mean, std=std)
    bsa.import_weights("wong_kolter", ours, file)
    net = nn.Sequential(nn.Conv2d(3, 16, 4, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 4, 2, 1), nn.ReLU(), nn.Flatten(),
                        nn.Linear(2048, 100), nn.ReLU(), nn.Linear(100, 10))  # fmt: skip
    net.load_state_dict(torch.load(file, weights_only=True))
    model = bsa.from_torch(net, images=x, pixels={"mean": mean, "std": std})
    accuracy, success = [], []
    for each in (ours, model):
        right = logits(each, x).argmax(-1) == y
        first = np.flatnonzero(right)[:100]
        accuracy.append(100 * right.mean())
        success.append(
            int(bsa.attack("corner_descent", each, epsilon=4 / 255, effort="quick")(x[first], y[first]).success.sum())
        )
    assert accuracy == pytest.approx([60.2, 60.2], abs=1)
    assert success == pytest.approx([36, 36], abs=1)


def test_what_is_beyond_epsilon_is_no_image_for_others_to_count():
    """Attacks for the least distortion find images beyond, which Foolbox and ART would take for successes."""
    images = np.moveaxis(X, -1, 1).copy()
    y = Small()(torch.tensor(images)).argmax(1).numpy()
    asked = {"network": Small(), "x": images, "y": y, "params": {"steps": 5}, "bounds": (0, 1)}
    far, near = (neighbours._searched(**asked, name="fmn", epsilon=epsilon) for epsilon in (1.0, 1e-4))
    assert (Small()(torch.tensor(far.copy())).argmax(1).numpy() != y).any()
    np.testing.assert_array_equal(near, images)
    with pytest.raises(ValueError, match="found spatial, which moves them"):
        neighbours._searched(
            **asked | {"params": {"moves": {"points": 1}, "leg": {"steps": 0}}}, name="spatial", epsilon=0.1
        )
