"""The table of tests that every attack must pass, on a really trained network."""

import keras
import numpy as np
import pytest

import bsa
from bsa import catalog
from bsa.judge import linf
from bsa.networks import logits
from bsa.rewrites.precision import twin
from bsa.search import journal
from bsa.search import journal as _searches

EPSILON = 0.1
NAMES = catalog.names("attacks")
MEMBERS = [{"name": "pgd", "steps": 10}, {"name": "square", "queries": 50}]
PARAMS = {  # cheaper than the defaults where that is enough, or with a part that these leave out
    "apgd": {"steps": 20},
    "carlini_wagner_linf": {"steps": 30, "constant_max": 1},
    "corner_descent": {"steps": 10, "rules": ["sign"], "targets": 1, "returns": 1, "squares": 30},
    "ensemble": {"attacks": MEMBERS},
    "fmn": {"steps": 50},
    "square": {"queries": 250},
}


@pytest.fixture(scope="module", params=NAMES)
def name(request):
    return request.param


def attack(name, model, **params):
    return bsa.attack(name, model, **{"epsilon": EPSILON, **PARAMS.get(name, {}), **params})


@pytest.fixture(scope="module")
def run(name, trained):
    """The attack on the trained network, built once: what takes long is TensorFlow's tracing."""
    return attack(name, trained)


@pytest.fixture(scope="module")
def found(run, attacked_images):
    x, y, index = attacked_images
    return run(x, y, seed=0, index=index)


@pytest.fixture(scope="module")
def small(name, trained):
    """The attack in small batches, of which 100 images leave a rest."""
    return attack(name, trained, batch_size=16)


@pytest.fixture(scope="module")
def narrow(name, trained, attacked_images):
    """What the attack finds in a smaller ball."""
    x, y, index = attacked_images
    return attack(name, trained, epsilon=0.07)(x, y, index=index)


def test_the_result_is_what_a_float32_pass_confirms(found, trained, attacked_images):
    x, y, _ = attacked_images
    assert found.x.dtype == np.float32
    assert found.x.min() >= 0
    assert found.x.max() <= 1
    assert 0 < found.success.sum() < len(x)  # some fall, some stand: the checks below see both
    guess = logits(trained, found.x).argmax(-1)
    assert (guess[found.success] != y[found.success]).all()
    assert (linf(found.x, x)[found.success] <= EPSILON + 1e-6).all()
    broken = np.isfinite(found.distance)
    np.testing.assert_array_equal(found.distance[broken], linf(found.x, x)[broken])
    np.testing.assert_array_equal(found.x[~broken], x[~broken])
    assert ((found.start == "") == ~broken).all()
    assert (found.passes > 0).all()


def test_the_same_call_gives_the_same_result(run, found, attacked_images):
    x, y, index = attacked_images
    for a, b in zip(found, run(x, y, seed=0, index=index), strict=True):
        np.testing.assert_array_equal(a, b)


def test_success_hardly_depends_on_the_batch_size(small, found, attacked_images):
    x, y, index = attacked_images
    # float32 sums in another order may tip an image that lies on the edge: one of the 100
    assert np.mean(small(x, y, seed=0, index=index).success != found.success) <= 0.01


def test_results_belong_to_images_and_not_to_their_places(run, found, attacked_images):
    x, y, index = attacked_images
    back = np.arange(len(x))[::-1]
    backward = run(x[back], y[back], seed=0, index=index[back])
    assert np.mean(found.success != backward.success[back]) <= 0.02


def test_more_room_never_hurts(name, narrow, found, trained, attacked_images):
    x, y, index = attacked_images
    wide = attack(name, trained, epsilon=0.3)(x, y, index=index)
    shares = [each.success.mean() for each in (narrow, found, wide)]
    assert shares == sorted(shares)
    assert shares[-1] > 0.9


def test_several_thresholds_in_one_call(run, narrow, attacked_images):
    x, y, index = attacked_images
    found = run(x, y, index=index, thresholds=[EPSILON, 0.07])
    both = np.mean(found.distance <= 0.07 + 1e-6)
    assert 0 < both <= found.success.mean()
    # coming from the larger ball may find a few images more or fewer than a direct search
    assert abs(both - narrow.success.mean()) <= 0.1


def test_a_killed_attack_goes_on_within_its_searches(small, attacked_images, monkeypatch):
    x, y, index = (a[:40] for a in attacked_images)
    for turn in ("FIRST", "MOST"):
        monkeypatch.setattr(_searches, turn, 7)
    monkeypatch.setattr(_searches, "UNSAVED", -1.0)  # save at every turn
    whole = small(x, y, seed=2, index=index)
    shares = []
    with journal.watched(journal.Watch(shares.append, lambda *_: None, lambda _: None)):
        found = small(x, y, seed=2, index=index)
    assert len(shares) > 5
    assert shares == sorted(shares)
    assert 0 <= min(shares) < max(shares) <= 1
    for a, b in zip(whole, found, strict=True):
        np.testing.assert_array_equal(a, b)

    class Killed(Exception):
        pass

    for last in (1, len(shares) // 2):
        saved, told = {}, []

        def kill(share, told=told, last=last):
            told.append(share)
            if len(told) == last:
                raise Killed

        with pytest.raises(Killed), journal.watched(journal.Watch(kill, saved.__setitem__, saved.get)):
            small(x, y, seed=2, index=index)
        later = []
        with journal.watched(journal.Watch(later.append, saved.__setitem__, saved.get)):
            found = small(x, y, seed=2, index=index)
        assert len(later) == len(shares) - last
        for a, b in zip(whole, found, strict=True):
            np.testing.assert_array_equal(a, b)
    fresh = small(1 - x, y, seed=2, index=index)
    with journal.watched(journal.Watch(later.append, saved.__setitem__, saved.get)):
        found = small(1 - x, y, seed=2, index=index)  # what is saved is of other images
    for a, b in zip(fresh, found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_finished_search_is_not_done_again(trained, attacked_images, monkeypatch):
    x, y, index = (a[:40] for a in attacked_images)
    monkeypatch.setattr(_searches, "WORTH", 0.0)
    for turn in ("FIRST", "MOST"):
        monkeypatch.setattr(_searches, turn, 7)
    run = attack("pgd", trained, starts=["image", "grey", "white"], epsilon=0.02)
    saved, told = {}, []

    def kill(share):
        told.append(share)
        if sum(share > 0.66 for share in told) == 2:  # the second search ended, the last is at work
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), journal.watched(journal.Watch(kill, saved.__setitem__, saved.get)):
        run(x, y, index=index)
    assert list(saved) == [0, 1]
    later = []
    with journal.watched(journal.Watch(later.append, saved.__setitem__, saved.get)):
        run(x, y, index=index)
    assert min(later) > 0.66


def test_further_training_is_seen(name, run, trained, attacked_images):
    """Also by the copies that an attack may search by."""
    x, y, index = (a[:20] for a in attacked_images)
    model = keras.models.clone_model(trained)
    later = attack(name, model)
    model.set_weights(trained.get_weights())
    found = later(x, y, index=index)
    assert found.success.any()
    np.testing.assert_array_equal(found.x, run(x, y, index=index).x)


def test_a_saved_and_loaded_model_gives_the_same(name, found, trained, attacked_images, tmp_path):
    x, y, index = attacked_images
    trained.save(tmp_path / "net.keras")
    loaded = keras.saving.load_model(tmp_path / "net.keras", safe_mode=True)
    for a, b in zip(found, attack(name, loaded)(x, y, seed=0, index=index), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_subclassed_model_and_one_that_is_not_built(name, run, trained, attacked_images):
    class Own(keras.Model):
        def call(self, x):
            return trained(x)

    x, y, _ = attacked_images
    own = Own()
    with pytest.raises(ValueError, match="expected a built Keras model"):
        attack(name, own)
    own(x[:1])
    closed = {"sharpness": 0} if name == "corner_descent" else {}  # Keras cannot rebuild it: no ReLU is opened
    ours, theirs = attack(name, own, **closed), attack(name, trained, **closed) if closed else run
    np.testing.assert_array_equal(ours(x[:9], y[:9]).success, theirs(x[:9], y[:9]).success)


def test_one_output_is_no_classifier(name):
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(1)])
    with pytest.raises(ValueError, match="at least 2 classes"):
        attack(name, model)(np.full((3, 4, 4, 1), 0.5, np.float32), np.zeros(3, int))


def test_several_outputs_or_other_shapes_are_no_classifier(name):
    image = keras.Input((4, 4, 1))
    one, two = (keras.layers.Dense(3)(keras.layers.Flatten()(image)) for _ in range(2))

    class Own(keras.Model):
        def call(self, x):
            return {"logits": x}

    own = Own()
    x, y = np.full((3, 4, 4, 1), 0.5, np.float32), np.zeros(3, int)
    own(x)
    for several, found in (([one, two], "a list of 2"), ({"logits": keras.ops.relu(one)}, "a dict of 1")):
        with pytest.raises(ValueError, match=f"expected a model with one output, the logits, found {found}"):
            attack(name, keras.Model(image, several))
    for model, found in ((keras.Model(image, image), r"shape \(1, 4, 4, 1\)"), (own, "dict")):
        with pytest.raises(ValueError, match=rf"logits of shape \(n, classes\), found {found}"):
            attack(name, model)(x, y)


def test_any_keras_classifier_with_logits(name, digits):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(10)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(digits.x, digits.y, epochs=5, verbose=0)
    found = attack(name, model, epsilon=0.2)(digits.x[:30], digits.y[:30])
    assert found.success.mean() > 0.9


def test_a_model_of_low_precision_is_judged_in_float32(name, trained, attacked_images):
    x, y, index = attacked_images
    found = attack(name, twin(trained, "mixed_bfloat16"))(x, y, index=index)
    assert found.success.any()
    assert (logits(trained, found.x).argmax(-1)[found.success] != y[found.success]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, y: (x * 255, y), r"pixels in \[0, 1\]"),
        (lambda x, y: (x[..., 0], y), "shape"),
        (lambda x, y: (x[:, :14], y), "shape"),
        (lambda x, y: (x, y.astype(float)), "integer labels"),
        (lambda x, y: (x, y + 10), "labels from 0 to 9"),
        (lambda x, y: (x, y[:-1]), "integer labels y of shape"),
    ],
)
def test_wrong_inputs_say_what_was_expected(run, attacked_images, change, message):
    x, y, _ = attacked_images
    with pytest.raises(ValueError, match=message):
        run(*change(x, y))
