"""The invariant of certificates: no image is broken within its certified radius.

A certificate proves that no image within a radius is misclassified; an attack shows an image that is, as a float32 pass
of the network confirms. If that image lies within the radius, the certificate, the network or the judgement is wrong.
Results of both are dicts of the arrays in `certify.npz` and `attack.npz`.
"""

import shutil
from typing import NamedTuple

import numpy as np

from bsa import files
from bsa.criteria import SLACK, linf
from bsa.errors import InvariantError


class Compared(NamedTuple):
    """A certificate beside an attack on the same images."""

    images: int  # images with both results
    broken: int  # of these, images with an adversarial example, at any distance
    gap: float | None  # smallest distance - certified radius over the broken images; None if none is broken
    witnesses: dict  # arrays, a row for each violation: index, x, y, adversarial, distance, radius, bounds


def compare(proven, attacked):
    """Match a certificate's and an attack's results by image number; returns a `Compared`.

    `proven` has index, y, radius (n,) and bounds (n, classes); `attacked` index, y, distance (m,), x and adversarial
    (m, height, width, channels), all on images of one cell. ValueError where one image has two labels.
    """
    rows, places = _common(proven, attacked)
    if (proven["y"][rows] != attacked["y"][places]).any():
        raise ValueError("expected the same labels in the certificate's and the attack's results, found others")
    distance = attacked["distance"]
    if "moved" in attacked:  # a certificate is about the image as it is
        distance = np.where(np.isfinite(distance), linf(attacked["adversarial"], attacked["x"]), np.inf)
        attacked = attacked | {"distance": distance}
    gaps = distance[places] - proven["radius"][rows]
    broken = np.isfinite(gaps)
    # SLACK, as in counting success, is room for float32: rounding two images moves their distance by up to 1.2e-7, and
    # bounds summed in float32 (relative error about 1e-6) move a certified radius by less than that.
    wrong = gaps < -SLACK
    witnesses = {name: proven[name][rows[wrong]] for name in ("index", "radius", "bounds")}
    witnesses |= {name: attacked[name][places[wrong]] for name in ("x", "y", "adversarial", "distance")}
    gap = float(gaps[broken].min()) if broken.any() else None
    return Compared(len(rows), int(broken.sum()), gap, witnesses)


def hold(compared, predict, folder, title):
    """Returns `compared` if it has no violation; otherwise saves its witnesses in `folder` and raises InvariantError.

    `predict(x) -> logits (n, classes)` of the network; `title` says what was compared.
    """
    shutil.rmtree(folder, ignore_errors=True)
    witnesses, count = compared.witnesses, len(compared.witnesses["index"])
    if not count:
        return compared
    folder.mkdir(parents=True)
    witnesses = witnesses | {"logits": predict(witnesses["adversarial"])}
    files.write(folder / "witnesses.npz", lambda file: np.savez_compressed(file, **witnesses))
    told = {name: array.tolist() for name, array in witnesses.items() if name not in ("x", "adversarial")}
    files.write_json(folder / "witnesses.json", {"title": title, **told})
    number, label, distance, radius = (witnesses[name][0] for name in ("index", "y", "distance", "radius"))
    raise InvariantError(
        f"{title}: expected no image to be broken within its certified radius, found {count}; the first is image "
        f"{number} (class {label}), broken at {distance:.6g} and certified up to {radius:.6g}. The certificate, the "
        f"network's float32 pass or the attack's judgement is wrong. Images, adversarial images, distances, certified "
        f"radii, bounds and logits are in {folder}"
    )


def challenge(proven, attacked, images):
    """Where to attack again: half the median certified radius and the rows of `attacked` to try there, (k,) int.

    The median is over the correctly classified images. The rows are the first `images` that are certified at that
    radius; none where the median is 0.
    """
    rows, places = _common(proven, attacked)
    radius = median_radius(proven) / 2
    certified = proven["radius"][rows] >= radius
    return radius, places[certified][:images] if radius > 0 else places[:0]


def median_radius(proven):
    """The median certified radius over the correctly classified images; 0 where there are none."""
    radii = proven["radius"][proven["correct"]]
    return float(np.median(radii)) if len(radii) else 0.0


def _common(proven, attacked):
    """The rows, in `proven` and in `attacked`, of the images that are in both, ordered by number."""
    _, rows, places = np.intersect1d(proven["index"], attacked["index"], return_indices=True)
    return rows, places
