"""The table of checks that every attack must pass, on a really trained network."""

import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from bsa import catalog
from bsa.criteria import SLACK, linf
from bsa.networks import logits
from bsa.rewrites.precision import twin
from bsa.spec.parameters import parameters
from bsa.testing._attacking import Attacking
from bsa.testing._shared import digits, expect, expect_equal, expect_error, told, trained

EDGE = 0.02  # of the images: float32 sums in another order may tip one that lies on the edge, or two


def check_attack(name: str, **params: Any) -> None:
    """Check an attack by its name, with parameters as in a spec; AssertionError says what is wrong.

    `epsilon` is 0.1 by default: choose a radius within which the attack breaks some of the shared network's 100 images,
    but not all, so that the checks see both. Choose cheap parameters: the attack is called some 20 times.
    """
    told("attacks", name, ATTACK, Attacking(name, **params))


def the_result_is_what_a_float32_pass_confirms(attack: Attacking) -> None:
    """Adversarial images are in [0, 1], within the radius, and misclassified as they are returned."""
    (x, y, _), found = attack.images, attack.found
    shown = f"{found.success.sum()} of {len(x)} images broken within {attack.epsilon:g}"
    advice = "a radius or parameters with which some images fall and some stand"
    expect(0 < found.success.sum() < len(x), f"expected {advice}, so that the checks see both, found {shown}")
    expect(found.x.dtype == np.float32 and found.x.shape == x.shape, "expected x as float32, of the images' shape")
    expect(found.x.min() >= 0 and found.x.max() <= 1, "expected pixels in [0, 1], found others")
    guess = logits(trained(), found.x).argmax(-1)
    expect((guess[found.success] != y[found.success]).all(), "expected success to mean that the image is misclassified")
    around = found.moved if len(found.moved) else x  # where an attack moved the images, distances are from there
    away = linf(found.x, around)
    expect((away[found.success] <= attack.epsilon + SLACK).all(), "expected success to be within epsilon")
    broken = np.isfinite(found.distance)
    expect_equal(found.distance[broken], away[broken], "expected distance to be max |x' - x|")
    expect_equal(found.x[~broken], x[~broken], "expected the original image where nothing was found")
    expect(((found.start == "") == ~broken).all(), "expected the start that found an image, and none elsewhere")
    expect(found.correct.all(), "expected correct to be what the network says of the original images")
    expect((found.passes > 0).all(), "expected the passes that each image took, found 0")


def the_same_call_gives_the_same_result(attack: Attacking) -> None:
    """To the bit: every draw is a function of the seed and the image's number."""
    (x, y, index), sentence = attack.images, "expected the same from the same call, to the bit, found another result"
    expect_equal(tuple(attack.run(x, y, seed=0, index=index)), tuple(attack.found), sentence)


def nothing_that_it_was_given_changes(attack: Attacking) -> None:
    """Neither the images nor the network."""
    x, y, index = (part.copy() for part in attack.images)
    before = trained().get_weights()
    attack.run(x[:9], y[:9], index=index[:9])
    expect_equal((x, y, index), attack.images, "expected images, labels and index to stay as they were")
    expect_equal(trained().get_weights(), before, "expected the network's weights to stay as they were")


def success_hardly_depends_on_the_batch_size(attack: Attacking) -> None:
    """But for images on the edge, which sums in another order may tip."""
    x, y, index = attack.images
    changed = np.mean(attack.small(x, y, seed=0, index=index).success != attack.found.success)
    expect(changed <= EDGE / 2, f"expected the same success in batches of 16, found {changed:.0%} of the images other")


def results_belong_to_images_and_not_to_their_places(attack: Attacking) -> None:
    """Draws are by the image's number, `index`, and not by its row."""
    x, y, index = attack.images
    back = np.arange(len(x))[::-1]
    backward = attack.run(x[back], y[back], seed=0, index=index[back])
    changed = np.mean(attack.found.success != backward.success[back])
    expect(changed <= EDGE, f"expected the same success in another order, found {changed:.0%} of the images other")


def more_room_never_hurts(attack: Attacking) -> None:
    """Of 0.7, 1 and 3 times the radius, a larger one breaks no fewer images, but for some on the edge."""
    x, _, _ = attack.images
    shares = [each.success.mean() for each in (attack.narrow, attack.found, attack.wide)]
    found = ", ".join(f"{share:.0%}" for share in shares)
    expect(
        np.diff(shares).min() >= -EDGE, f"expected success to rise with the radius, found {found} of {len(x)} images"
    )


def several_thresholds_in_one_call(attack: Attacking) -> None:
    """Thresholds at a call: success is that of the largest, and distances tell that of the others."""
    x, y, index = attack.images
    low = 0.7 * attack.epsilon
    found = attack.run(x, y, index=index, thresholds=[attack.epsilon, low])
    both = np.mean(found.distance <= low + SLACK)
    expect(both <= found.success.mean(), "expected no more success at a smaller threshold")
    # coming from the larger ball may find a few images more or fewer than a direct search
    expect(abs(both - attack.narrow.success.mean()) <= 0.1,
           f"expected about {attack.narrow.success.mean():.0%} within {low:g}, as a call with it alone finds, found "
           f"{both:.0%}")  # fmt: skip


def further_training_is_seen(attack: Attacking) -> None:
    """Weights that the network gets after the attack was built count, also in copies that it may search by."""
    x, y, index = (part[:20] for part in attack.images)
    model = keras.models.clone_model(trained())
    later = attack.make(model)
    model.set_weights(trained().get_weights())
    sentence = "expected an attack to see weights that the model gets later, found the result of others"
    expect_equal(later(x, y, index=index).x, attack.run(x, y, index=index).x, sentence)


def a_saved_and_loaded_model_gives_the_same(attack: Attacking) -> None:
    """To the bit."""
    x, y, index = attack.images
    with tempfile.TemporaryDirectory() as folder:
        trained().save(Path(folder, "net.keras"))
        loaded = keras.saving.load_model(Path(folder, "net.keras"), safe_mode=True)
    found = attack.make(loaded)(x, y, seed=0, index=index)
    expect_equal(tuple(found), tuple(attack.found), "expected the same on a model that was saved and loaded")


def a_subclassed_model_is_attacked_once_it_is_built(attack: Attacking) -> None:
    """It tells neither its input's shape nor its layers."""

    class Own(keras.Model):
        def call(self, x: Any) -> Any:
            return trained()(x)

    x, y, _ = attack.images
    own = Own()
    with expect_error(ValueError, "expected a ValueError for a model that is not built"):
        attack.make(own)
    own(x[:1])
    found = attack.make(own)(x[:9], y[:9])
    guess = logits(trained(), found.x).argmax(-1)
    expect((guess[found.success] != y[:9][found.success]).all(), "expected success to mean misclassified")


def what_is_no_classifier_is_refused(attack: Attacking) -> None:
    """One output, several, or one of another shape: ValueError."""
    image = keras.Input((4, 4, 1))
    one, two, single = (keras.layers.Dense(units)(keras.layers.Flatten()(image)) for units in (3, 3, 1))
    x, y = np.full((3, 4, 4, 1), 0.5, np.float32), np.zeros(3, int)
    outputs = {"one logit": single, "a list of two": [one, two], "a dict": {"logits": one}, "an image": image}
    for what, output in outputs.items():
        with expect_error(ValueError, f"expected a ValueError for a model that gives {what}"):
            attack.make(keras.Model(image, output))(x, y)


def any_keras_classifier_with_logits(attack: Attacking) -> None:
    """A dense layer that Keras trained."""
    data = digits()
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(data.x.shape[1:]), keras.layers.Flatten(), keras.layers.Dense(10)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(data.x, data.y, epochs=5, verbose=0)
    found = attack.make(model, epsilon=min(2 * attack.epsilon, 1))(data.x[:30], data.y[:30])
    expect(found.success.any(), "expected success on a linear classifier, which is easy to fool, found none")


def a_model_of_low_precision_is_judged_in_float32(attack: Attacking) -> None:
    """A success is one for the float32 network."""
    x, y, index = attack.images
    found = attack.make(twin(trained(), "mixed_bfloat16"))(x, y, index=index)
    guess = logits(trained(), found.x).argmax(-1)
    sentence = "expected success on a bfloat16 model to hold for its weights in float32"
    expect((guess[found.success] != y[found.success]).all(), sentence)


def wrong_images_and_labels_are_refused(attack: Attacking) -> None:
    """ValueError for pixels beyond [0, 1], other shapes, and labels that are none; see `bsa.networks.checked`."""
    x, y, _ = (part[:9] for part in attack.images)
    wrong = {
        "pixels from 0 to 255 as floats": (x * 255, y),
        "images without channels": (x[..., 0], y),
        "images of another size": (x[:, :14], y),
        "labels as floats": (x, y.astype(float)),
        "labels that no class has": (x, y + 10),
        "fewer labels than images": (x, y[:-1]),
    }
    for what, (images, labels) in wrong.items():
        with expect_error(ValueError, f"expected a ValueError for {what}"):
            attack.run(images, labels)


def the_plan_knows_what_it_costs(attack: Attacking) -> None:
    """`passes(**params)`: passes of one image at most."""
    params = parameters("attacks", attack.name, attack.params) | {"thresholds": [attack.epsilon]}
    planned = catalog.find("attacks", attack.name).passes(**params)
    expect(planned > 0, f"expected passes(**params) above 0, found {planned}")
    most = int(attack.found.passes.max())
    expect(
        most <= planned, f"expected at most the {planned} passes that passes(**params) plans for an image, found {most}"
    )


ATTACK = (
    the_result_is_what_a_float32_pass_confirms,
    the_same_call_gives_the_same_result,
    nothing_that_it_was_given_changes,
    success_hardly_depends_on_the_batch_size,
    results_belong_to_images_and_not_to_their_places,
    more_room_never_hurts,
    several_thresholds_in_one_call,
    further_training_is_seen,
    a_saved_and_loaded_model_gives_the_same,
    a_subclassed_model_is_attacked_once_it_is_built,
    what_is_no_classifier_is_refused,
    any_keras_classifier_with_logits,
    a_model_of_low_precision_is_judged_in_float32,
    wrong_images_and_labels_are_refused,
    the_plan_knows_what_it_costs,
)
