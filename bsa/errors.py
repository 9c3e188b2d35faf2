"""Errors that a user can fix, each saying what was expected, what was found and what to do."""

import difflib
import itertools
from collections.abc import Iterable

MANY, LONG = 300, 100  # choices and letters that are looked at for a suggestion: comparing words takes time


class BsaError(Exception):
    """Base of every error that bsa raises on purpose; the command line prints it without a traceback."""


class UsageError(BsaError):
    """The call itself is wrong: an unknown component, file or option."""


class DataError(BsaError):
    """A data set is missing, incomplete or not what its name promises."""


class WeightsError(BsaError):
    """Foreign weights are not there, are not what they should be, or do not fit the network."""


class ImagesError(UsageError, ValueError):
    """Images that a transformation does not take, for example grey ones where it changes colours."""


class StoreError(BsaError):
    """An artefact is damaged or cannot be written."""


class InvariantError(BsaError):
    """An image was broken within its certified radius: a certificate, a network or a judgement is wrong."""


class TrainingError(BsaError):
    """Training cannot go on, for example because the loss is no longer a number."""


def one_line(error: object, most: int = 200) -> str:
    """What an error of a library says, on one line short enough for a message."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= most else f"{text[:most]}..."


def suggest(word: object, choices: Iterable) -> str:
    """`did you mean "..."?` for the choice nearest to `word`, or an empty string."""
    near = nearest(word, choices)
    return f'did you mean "{near}"?' if near else ""


def nearest(word: object, choices: Iterable) -> str | None:
    """The choice that `word` may be meant for, or None: one that it abbreviates, such as eps, or the most similar."""
    word, choices = str(word)[:LONG], [str(c) for c in itertools.islice(choices, MANY)]
    longer = [choice for choice in choices if len(word) > 2 and choice != word and choice.startswith(word)]
    return next(iter(difflib.get_close_matches(word, longer or choices, n=1, cutoff=0 if longer else 0.5)), None)
