"""The table of checks that every certificate must pass."""

from typing import Any

import numpy as np

import bsa
from bsa.testing._shared import attacked_images, expect, expect_equal, expect_error, told, trained

EPSILON = 0.005  # within which some images of the shared network are certified
IMAGES = 30


class Certifying:
    """A certificate by its name and parameters, and what it proves of some images of the shared network."""

    def __init__(self, name: str, **params: Any) -> None:
        self.name, self.params = name, {"epsilon": EPSILON} | params
        self.epsilon = self.params["epsilon"]
        self.x, self.y = (part[:IMAGES] for part in attacked_images()[:2])
        self.certificate = bsa.certificate(name, trained(), **self.params)
        self.found = self.certificate(self.x, self.y)


def check_certificate(name: str, **params: Any) -> None:
    """Check a certificate by its name, with parameters as in a spec; AssertionError says what is wrong.

    `epsilon` is 0.005 unless given: a radius at which some of 30 images of the shared network are certified.
    """
    told("certify", name, CERTIFICATE, Certifying(name, **params))


def each_image_has_its_bounds(proof: Certifying) -> None:
    """bounds (n, classes), certified (n,), radius (n,)."""
    bounds, certified, radius, _ = proof.found
    n, classes = len(proof.x), trained().output_shape[-1]
    expect(bounds.shape == (n, classes), f"expected bounds of shape ({n}, {classes}), found {bounds.shape}")
    expect(certified.shape == radius.shape == (n,), f"expected certified and radius of shape ({n},)")
    expect(certified.any(), f"expected some certified images at {proof.epsilon:g}, found none: give a smaller epsilon")
    expect((radius >= 0).all(), "expected radii of at least 0")


def no_image_is_broken_within_its_radius(proof: Certifying) -> None:
    """The invariant, by an attack at epsilon on what is certified there."""
    certified = np.flatnonzero(proof.found.certified)
    attack = bsa.attack("pgd", trained(), epsilon=proof.epsilon, steps=20)
    broken = attack(proof.x[certified], proof.y[certified], index=certified)
    sentence = f"expected certified images to withstand PGD within {proof.epsilon:g}"
    expect(not (broken.distance < np.inf).any(), f"{sentence}, found {np.isfinite(broken.distance).sum()} broken")


def a_misclassified_image_is_not_certified(proof: Certifying) -> None:
    """Whatever its label is."""
    found = proof.certificate(proof.x, (proof.y + 1) % trained().output_shape[-1])
    expect(not found.certified.any(), "expected no certificate for a wrong label, found some")


def it_says_the_same_every_time(proof: Certifying) -> None:
    """To the bit."""
    again = proof.certificate(proof.x, proof.y)
    expect_equal(tuple(again)[:3], tuple(proof.found)[:3], "expected the same at every call, found something else")


def wrong_images_are_refused(proof: Certifying) -> None:
    """ValueError, as of attacks."""
    with expect_error(ValueError, "expected a ValueError for pixels from 0 to 255 as floats"):
        proof.certificate(proof.x * 255, proof.y)


CERTIFICATE = (
    each_image_has_its_bounds,
    no_image_is_broken_within_its_radius,
    a_misclassified_image_is_not_certified,
    it_says_the_same_every_time,
    wrong_images_are_refused,
)
