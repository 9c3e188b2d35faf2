"""What a sanity check says, and when a count of images is enough to say it."""

from typing import NamedTuple

TOO_FEW = "not judged, too few images"  # how the message of such a check begins
AT_LEAST = 4  # images: a gain or a loss of fewer may be luck, because another path tips what lies near the edge
FEW = 30  # of fewer images AT_LEAST are so large a share that they cannot show that an attack is sound


class Check(NamedTuple):
    """One finding. `passed` is None for information, and where nothing was judged; `message` says why."""

    check: str  # what was checked, such as "logits"
    passed: bool | None
    found: object  # the figures: JSON values; shares in [0, 1]
    expected: object  # what was asked for: a JSON value, None for information only
    message: str  # one sentence; of a failed check it says what to do
    cell: int | None = None  # the number of the blind-spot cell, where it is about one


def skipped(name, why):
    """A check that was not made."""
    return Check(name, None, None, None, f"not judged: {why}")


def of(size, check):
    """The check, of `size` images: few may fail it, but not pass it."""
    if not check.passed or size >= FEW:
        return check
    message = f"{TOO_FEW}: {size} of at least {FEW} that could show that {check.message}"
    return check._replace(passed=None, message=message)


def much(count, size, gain):
    """Whether `count` more of `size` images are more than luck, and at least `gain` points."""
    return count >= AT_LEAST and 100 * count / size >= gain


def little(gain):
    """What is expected where `much` is not."""
    return f"less than {gain:g} points, or fewer than {AT_LEAST} images"


def points(count, size):
    """A count of images as text."""
    return f"{100 * count / size:.1f} points ({count} of {size} images)"


def percent(share):
    """A share in [0, 1] as text."""
    return f"{100 * share:.0f} %"
