"""What a sanity check says."""

from typing import NamedTuple

TOO_FEW = "not judged, too few images"  # how the message of such a check begins


class Check(NamedTuple):
    """One finding. `passed` is None where the figures are for information, or where there was nothing to judge."""

    check: str  # what was checked, such as "logits"
    passed: bool | None
    found: object  # the figures: JSON values; shares in [0, 1]
    expected: object  # what was asked for: a JSON value, None for information only
    message: str  # one sentence; of a failed check it says what to do
    cell: int | None = None  # the number of the blind-spot cell, where it is about one


def percent(share):
    """A share in [0, 1] as text."""
    return f"{100 * share:.0f} %"
