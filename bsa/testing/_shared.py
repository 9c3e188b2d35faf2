"""What all tables work on: the digits, and a network of which some images fall and some stand."""

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

import bsa
from bsa import catalog
from bsa.data import Dataset
from bsa.networks import logits

SHAPE, CLASSES = (28, 28, 1), 10


@functools.cache
def digits(split: str = "test") -> Dataset:
    """The digits of scikit-learn at 28x28: 1,297 to train, 500 to test."""
    return bsa.load("digits", split=split)


@functools.cache
def trained() -> keras.Model:
    """`wong_small` on the digits, adversarially trained, from weights that are shipped; do not change it.

    It is accurate, and not robust everywhere: of 100 images some fall to an attack within 0.1, and some stand.
    """
    model = bsa.build("wong_small", input_shape=SHAPE, num_classes=CLASSES, seed=1)
    with np.load(Path(__file__).with_name("trained.npz")) as saved:
        model.set_weights([saved[name].astype(np.float32) for name in saved.files])
    return model


@functools.cache
def attacked_images(count: int = 100) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`count` test images that `trained()` classifies correctly, their labels and their numbers."""
    data = digits()
    index = np.flatnonzero(logits(trained(), data.x).argmax(-1) == data.y)[:count]
    return data.x[index], data.y[index], index


def expect(condition: Any, sentence: str) -> None:
    """AssertionError with `sentence` unless `condition` holds, whatever Python's -O takes away."""
    if not condition:
        raise AssertionError(sentence)


def expect_equal(found: Any, wanted: Any, sentence: str) -> None:
    """AssertionError with `sentence` unless two tuples or dicts of arrays, or two arrays, are equal to the bit."""
    if isinstance(wanted, dict):
        expect(found.keys() == wanted.keys(), sentence)
        found, wanted = list(found.values()), list(wanted.values())
    pairs = zip(found, wanted, strict=True) if isinstance(wanted, tuple | list) else [(found, wanted)]
    for one, other in pairs:
        expect(np.array_equal(one, other, equal_nan=np.asarray(other).dtype.kind == "f"), sentence)


@contextlib.contextmanager
def expect_error(kinds: type[Exception] | tuple[type[Exception], ...], sentence: str) -> Iterator[None]:
    """AssertionError with `sentence` unless the block raises an exception of these kinds."""
    try:
        yield
    except kinds:
        return
    except Exception as error:
        raise AssertionError(f"{sentence}; found {type(error).__name__}: {error}") from error
    raise AssertionError(f"{sentence}; found no error")


def told(kind: str, name: str, table: tuple[Callable, ...], subject: Any) -> None:
    """Run each check of a table on `subject`; AssertionError says of what component and which check."""
    described(kind, name)
    for check in table:
        try:
            check(subject)
        except AssertionError as error:
            title = check.__name__.replace("_", " ")
            raise AssertionError(f'{kind} "{name}", {title}: {error}') from error


def described(kind: str, name: str) -> None:
    """The fragment says what the component is, and what each of its own parameters is."""
    part = catalog.fragment(kind, name)
    expect(part.get("description"), f'{kind} "{name}": expected a "description" in its fragment, found none')
    if catalog.entries(kind)[name].origin != "bsa":
        silent = [key for key, value in part["properties"].items() if key != "name" and not value.get("description")]
        own = [key for key in silent if key in inspected(kind, name)]
        expect(not own, f'{kind} "{name}": expected a "description" of {", ".join(own)} in its fragment, found none')


def inspected(kind: str, name: str) -> set[str]:
    """The names of the parameters that the functions of a component state."""
    module = catalog.find(kind, name)
    functions = [getattr(module, function) for function in catalog.FUNCTIONS[kind]]
    return {parameter for function in functions for parameter in inspect.signature(function).parameters}
