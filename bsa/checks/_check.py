"""What a sanity check says, and when a count of images is enough to say it."""

from typing import NamedTuple

TOO_FEW = "not judged, too few images"  # how the message of such a check begins
AT_LEAST = 4  # images: a gain or a loss of fewer may be luck, because another path tips what lies near the edge
FEW = 30  # of fewer images AT_LEAST are so large a share that they cannot show that an attack is sound

ASKS = {  # in the order in which checks are made; docs/checks.md has a paragraph for each
    "accuracy": "Does the network classify the images well above chance?",
    "epsilon's scale": "Are the radii meant for pixels in [0, 1]?",
    "pixels' scale": "Do the pixels use the range [0, 1]?",
    "logits": "Does the network give finite logits, not probabilities?",
    "resolution": "Do the logits differ by far more than float32 rounds them?",
    "inference mode": "Does the network obey training=False?",
    "deterministic": "Does the same image give the same output twice?",
    "batch independence": "Is an image's output the same in every batch?",
    "attack": "Could the attack be run again for the checks below?",
    "finite gradients": "Is every gradient finite?",
    "dead gradients": "Does the attack start where most pixels have a gradient?",
    "zero gradients": "Does every image have a gradient?",
    "saturation": "Does an attack on the cross-entropy alone have a gradient to climb?",
    "more room never hurts": "Does success grow with the radius?",
    "radius 1 breaks all": "Does every image break where pixels may take any value?",
    "more steps never hurt": "Do twice the steps break as many images?",
    "converged": "Are the steps enough: do twice as many break no more?",
    "giving up": "Is no image given up too early?",
    "gain of starts": "How many images does each start add? For information.",
    "other starts": "Do starts that the attack does not use break no more?",
    "gain of the surrogate": "Does the surrogate gradient break as many as the true one?",
    "black-box never wins": "Does Square, which needs no gradient, break nothing new?",
    "reference attack": "Does corner_descent break no more?",
    "distances": "Are the saved images as far away, and as wrongly classified, as claimed?",
    "strongest of the spec": "Does no other attack of the spec break far more?",
}


class Check(NamedTuple):
    """One finding. `passed` is None for information, and where nothing was judged; `message` says why."""

    check: str  # what was checked, such as "logits"
    passed: bool | None
    found: object  # the figures: JSON values; shares in [0, 1]
    expected: object  # what was asked for: a JSON value, None for information only
    message: str  # one sentence; of a failed check it says what to do
    cell: int | None = None  # the number of the blind-spot cell, where it is about one


def asks(name):
    """The question that the check of this name answers; of one that is not known, ""."""
    return ASKS.get("more steps never hurt" if name.endswith(" never hurt") else name, "")


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
