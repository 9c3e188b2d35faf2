"""Attacks that search in bfloat16 and are judged in float32."""

import keras
import numpy as np
import pytest
from nested import attack

from bsa.errors import BsaError
from bsa.search.confirm import confirmed, searched
from bsa.search.work import Work

SHORT = {"carlini_wagner_linf": {"steps": 60, "constant_max": 1}, "corner_descent": {"steps": 20, "targets": 1}}


@pytest.mark.parametrize("name", SHORT)
def test_a_search_in_bfloat16_is_about_as_strong(name, trained, attacked_images):
    x, y, index = attacked_images
    exact, low = (
        attack(name, trained, epsilon=0.1, precision=p, **SHORT[name])(x, y, index=index)
        for p in ("float32", "mixed_bfloat16")
    )
    assert exact.success.any()
    # 8 bits of mantissa move a pixel by up to 0.002: some of the images that lie that near to 0.1 fall only one way
    assert abs(exact.success.mean() - low.success.mean()) <= 0.04


def test_a_sequential_model_of_any_image_size_is_searched_in_bfloat16():
    layers = keras.layers.Conv2D(4, 3, activation="relu"), keras.layers.GlobalMaxPooling2D(), keras.layers.Dense(3)
    model = keras.Sequential([keras.Input((None, None, 1)), *layers])
    run = attack("corner_descent", model, epsilon=0.3, steps=5, precision="mixed_bfloat16")
    for size in (8, 6):
        x = np.random.default_rng(size).uniform(size=(4, size, size, 1)).astype(np.float32)
        found = run(x, model(x).numpy().argmax(-1))
        assert found.x.shape == x.shape
        assert (found.passes > 0).all()


def test_what_training_changed_is_attacked(trained, attacked_images):
    x, y, index = (a[:20] for a in attacked_images)  # a processor without bfloat16 instructions takes its time
    model = keras.models.clone_model(trained)  # other weights
    params = {"epsilon": 0.1, "steps": 20, "targets": 1, "precision": "mixed_bfloat16"}
    run = attack("corner_descent", model, **params)
    model.set_weights(trained.get_weights())
    again = attack("corner_descent", model, **params)
    found = run(x, y, index=index)
    assert found.success.any()
    np.testing.assert_array_equal(found.x, again(x, y, index=index).x)


def test_what_only_the_low_precision_believes_is_searched_again():
    def threshold(at):
        """Class 1 above a mean of `at`."""
        model = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
        model.set_weights([np.array([[0, 0.25]] * 4, np.float32), np.array([0, -at], np.float32)])
        return model

    asked = []

    def search(reach):
        def found(x, y, more, common, search):
            asked.append(len(x))
            assert common == "same"
            # the search believes in whatever has moved
            return x + reach * more[:, None, None, None], np.full(len(x), 10), more > 0

        return found

    x, y, more = np.zeros((3, 2, 2, 1), np.float32), np.zeros(3, int), np.array([1, 2, 0], np.float32)
    search = confirmed([threshold(0.1), threshold(0.3)], [search(0.2), search(0.5)], batch_size=2)
    points, passes = search(x, y, more, common="same", work=Work())  # means of 0.2, 0.4 and 0 after the first search
    assert asked == [3, 1]
    np.testing.assert_allclose(points[:, 0, 0, 0], [0.5, 0.4, 0])
    np.testing.assert_array_equal(passes, [20, 10, 10])


def test_float32_searches_by_the_models_own_logits(trained, attacked_images):
    (alone,), x = searched(trained, "float32"), attacked_images[0]
    np.testing.assert_array_equal(alone(x), trained(x))


def test_another_precision_is_refused(trained):
    with pytest.raises(BsaError, match="precision"):
        attack("pgd", trained, epsilon=0.1, precision="mixed_bfloat16")
