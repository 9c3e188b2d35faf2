"""The words that data has on the command line."""

import pytest

from bsa.data import named
from bsa.errors import UsageError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mnist", {"name": "mnist"}),
        ("a/b.npz", {"name": "arrays", "test": "a/b.npz"}),
        ("x.npy,y.npy", {"name": "arrays", "test": ["x.npy", "y.npy"]}),
        ("tfds:svhn_cropped", {"name": "tfds", "dataset": "svhn_cropped"}),
        ("tfds:own:test[:1000]", {"name": "tfds", "dataset": "own", "test": "test[:1000]"}),
        ("tfds:cifar10_1/v4:1.0.0:test", {"name": "tfds", "dataset": "cifar10_1/v4:1.0.0", "test": "test"}),
    ],
)
def test_a_word_is_short_for_the_data_of_a_spec(text, expected):
    assert named(text) == expected


def test_a_folder_is_one_of_classes_or_of_parts(tmp_path):
    for place in ("classes/cat", "classes/test", "parts/train/cat", "parts/val/cat", "parts/notes"):
        (tmp_path / place).mkdir(parents=True)
    assert named(f"{tmp_path}/classes/") == {"name": "folder", "test": f"{tmp_path}/classes"}
    parts = {"test": f"{tmp_path}/parts/val", "train": f"{tmp_path}/parts/train"}
    assert named(f"{tmp_path}/parts") == {"name": "folder", **parts}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mnits", 'tfds:NAME or one of cifar10, .*, found no "mnits". did you mean "mnist"'),
        ("nowhere/", 'found no "nowhere/"'),
        ("arrays", 'found "arrays" alone, which needs test'),
        ("tfds:", "expected data as tfds:NAME or tfds:NAME:SPLIT"),
        (__file__, "found the file "),
    ],
)
def test_other_words_are_refused(text, message):
    with pytest.raises(UsageError, match=message) as told:
        named(text)
    assert "\n" not in str(told.value)
