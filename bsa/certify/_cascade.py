"""Cascades of certified networks (Wong et al. 2018, section 3.3): the first one that certifies its answer gives it."""

from typing import NamedTuple

import numpy as np

ALONE = "proven of the deciding network alone: within epsilon another one of the cascade may decide, and otherwise"


class Decided(NamedTuple):
    """What a cascade says of n images, one row for each, in their order."""

    answer: np.ndarray  # (n,) int64: the class that the deciding network gives
    certified: np.ndarray  # (n,) bool: that network certifies its answer
    network: np.ndarray  # (n,) int64: the number of the deciding network; the last one where none certifies
    bounds: np.ndarray  # (n, classes) float32: its lower bounds of logit_answer - logit_j
    notes: tuple = ()


def decide(networks, x):
    """`Decided` for images x (n, height, width, channels) in [0, 1].

    `networks` are pairs (logits, certificate) in the cascade's order: logits(x) -> (n, classes), and what
    `bsa.certificate` gives. Each sees the images whose answers none before it certifies; the last answers the rest.
    As in the paper, a certificate is the deciding network's: within epsilon, its class does not change. That the same
    network decides everywhere in the ball is not part of it, and `notes` say so.
    """
    rows, notes = np.arange(len(x)), (ALONE,)
    answer, network, certified = np.zeros(len(x), np.int64), np.zeros(len(x), np.int64), np.zeros(len(x), bool)
    bounds = None
    for number, (logits, certificate) in enumerate(networks):
        if not len(rows):
            break
        guess = logits(x[rows]).argmax(-1)
        found = certificate(x[rows], guess)
        bounds = np.zeros((len(x), found.bounds.shape[-1]), np.float32) if bounds is None else bounds
        answer[rows], network[rows], bounds[rows], certified[rows] = guess, number, found.bounds, found.certified
        rows, notes = rows[~found.certified], notes + tuple(found.notes)
    return Decided(answer, certified, network, bounds, tuple(dict.fromkeys(notes)))
