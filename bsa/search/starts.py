"""Named starts: where in the ball a search begins. The start decides more than the search (see docs/attacks.md).

`image`: the image itself. `uniform`: uniform in the ball (Madry et al. 2018). `noise`: the image plus Gaussian noise of
standard deviation 0.2 (paper, section 4.1). `grey`, `white`, `black`: a solid image of 0.5, 1 or 0; projected onto a
ball it is the corner that lies towards that colour. In a blind spot the units that see the constant background are
dead at the image and alive at the grey corner. `corner`: that corner itself, for attacks that do not project `grey`.
"""

import numpy as np

from bsa.ops import seeds

SOLID = {"grey": 0.5, "white": 1.0, "black": 0.0}
RANDOM = ("uniform", "noise")
NOISE = 0.2  # standard deviation, in [0, 1] pixels; the paper's range [-0.5, 0.5] is as wide


def points(name, x, index, seed, restart=0, radius=1.0):
    """The start images of `x` (n, ...) in [0, 1], shape (n, ...), float32, not yet projected onto a ball.

    `index` (n,) numbers the images: random starts depend on (seed, name, restart, number) alone. `radius` is that of
    the ball of the uniform start and of the corner, in [0, 1] pixels: a number, or one that broadcasts.
    """
    if name in SOLID:
        return np.full_like(x, SOLID[name])
    if name == "corner":
        return project(np.float32(SOLID["grey"]), x, radius)
    purpose = f"start/{name}/{restart}"
    if name == "noise":
        return np.clip(x + np.float32(NOISE) * seeds.normal(seed, purpose, index, x.shape[1:]), 0, 1)
    if name == "uniform":
        return np.clip(x + np.float32(radius) * seeds.uniform(seed, purpose, index, x.shape[1:]), 0, 1)
    if name == "image":
        return x.copy()
    raise ValueError(f"expected a start among image, corner, {', '.join(RANDOM)}, {', '.join(SOLID)}, found {name}")


def project(z, x, radius):
    """`z` on the L-inf ball of `radius` (a number, or one that broadcasts) around `x` and in [0, 1]; float32."""
    radius = np.float32(radius)
    return np.clip(z, np.maximum(x - radius, 0), np.minimum(x + radius, 1))


def rounds(starts, restarts):
    """Pairs (name, restart) in order: fixed starts once, random ones `restarts` times."""
    return [(name, r) for name in starts for r in range(restarts if name in RANDOM else 1)]
