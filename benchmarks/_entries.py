"""The one table of what is compared: every entry with its parameters.

A fixed-radius attack (RADIUS) is run once a threshold, the smaller one only on the images that fell at the larger; a
least-norm attack (LEAST) once. bsa's attacks (THRESHOLDS) are called once, as in a run: they go down the thresholds in
the same way by themselves, and `corner_descent` measures once for all of them. Names of peers end in their budget where
there are several: `_10000` is what about 10,000 passes an image buy; without, they have the library's customary one.
`most` limits the images of what is too slow for more. Parameters not in sight are the library's defaults.
"""

from typing import NamedTuple

RADIUS, LEAST, THRESHOLDS = "radius", "least", "thresholds"


class Entry(NamedTuple):
    """One attack of one library: the function `attack` of `benchmarks/peers/<library>.py`, or bsa's attack."""

    library: str
    attack: str
    kind: str
    params: dict = {}  # noqa: RUF012 (never changed)
    most: int | None = None  # images at most
    warm: dict | None = None  # run once on two images, with these parameters, before the clock starts: compilers


def _ours(attack, kind=THRESHOLDS, **params):
    return Entry("bsa", attack, kind, params, warm={})


ENTRIES = {
    "corner_descent": _ours("corner_descent"),
    "carlini_wagner_linf": _ours("carlini_wagner_linf"),
    "pgd": _ours("pgd"),
    "apgd": _ours("apgd"),
    "apgd_targeted": _ours("apgd", loss="targeted_dlr"),
    "fmn": _ours("fmn", LEAST),
    "square_5000": _ours("square", queries=5000),
    "ensemble": _ours("ensemble"),
    # its median is that of least distortions: it begins at three times the largest threshold and bisects
    "corner_descent_least": _ours("corner_descent", LEAST, mode="least_distortion", reach=3),
    # Foolbox
    "foolbox_pgd_40": Entry("foolbox", "pgd", RADIUS, {"steps": 40, "repeats": 1}),
    "foolbox_pgd_10000": Entry("foolbox", "pgd", RADIUS, {"steps": 100, "repeats": 100}),
    "foolbox_fmn_100": Entry("foolbox", "fmn", LEAST, {"steps": 100}),
    "foolbox_fmn_1000": Entry("foolbox", "fmn", LEAST, {"steps": 1000}),
    "foolbox_fmn_10000": Entry("foolbox", "fmn", LEAST, {"steps": 10000}),
    "foolbox_bb_200": Entry("foolbox", "brendel_bethge", LEAST, {"steps": 200}, warm={"steps": 2}),
    "foolbox_bb_1000": Entry("foolbox", "brendel_bethge", LEAST, {"steps": 1000}, warm={"steps": 2}),
    # adversarial-robustness-toolbox
    "art_carlini_linf": Entry("art", "carlini_linf", LEAST, {"max_iter": 10}, most=20),
    "art_carlini_linf_10000": Entry("art", "carlini_linf", LEAST, {"max_iter": 180}, most=20),
    "art_autoattack_10000": Entry("art", "autoattack", RADIUS, {"square_restarts": 1}),
    "art_autoattack": Entry("art", "autoattack", RADIUS, {"square_restarts": 5}, most=20),  # as shipped
    "art_autoattack_keras_10000": Entry("art_keras", "autoattack", RADIUS, {"square_restarts": 1}, most=100),
    # adv-lib
    "advlib_carlini_wagner_200": Entry(
        "advlib", "carlini_wagner_linf", LEAST,
        {"max_iterations": 200, "initial_const": 0.1, "const_factor": 10, "largest_const": 20},
    ),
    "advlib_carlini_wagner": Entry("advlib", "carlini_wagner_linf", LEAST, {"max_iterations": 1000}, most=100),
    "advlib_fmn_1000": Entry("advlib", "fmn", LEAST, {"steps": 1000}),
    "advlib_pdpgd_500": Entry("advlib", "pdpgd", LEAST, {"num_steps": 500}),
    "advlib_pdpgd_10000": Entry("advlib", "pdpgd", LEAST, {"num_steps": 10000}),
    "advlib_apgdt": Entry("advlib", "apgd_targeted", RADIUS, {"n_iter": 100}),
    # torchattacks
    "torchattacks_apgd": Entry("torchattacks", "apgd", RADIUS, {"steps": 100, "n_restarts": 1}),
    "torchattacks_apgd_10000": Entry("torchattacks", "apgd", RADIUS, {"steps": 100, "n_restarts": 99}),
    "torchattacks_apgdt": Entry("torchattacks", "apgdt", RADIUS, {"steps": 100, "n_restarts": 1}),
    "torchattacks_apgdt_10000": Entry("torchattacks", "apgdt", RADIUS, {"steps": 100, "n_restarts": 11}),
    "torchattacks_fab": Entry("torchattacks", "fab", RADIUS, {"steps": 100, "n_restarts": 1}),
    "torchattacks_fabt": Entry("torchattacks", "fab", RADIUS, {"steps": 100, "n_restarts": 1, "multi_targeted": True}),
    "torchattacks_fabt_10000": Entry(
        "torchattacks", "fab", RADIUS, {"steps": 100, "n_restarts": 8, "multi_targeted": True}
    ),
    "torchattacks_square_5000": Entry("torchattacks", "square", RADIUS, {"n_queries": 5000}),
    "torchattacks_square_20000": Entry("torchattacks", "square", RADIUS, {"n_queries": 20000}),
    "torchattacks_autoattack": Entry("torchattacks", "autoattack", RADIUS, {}),  # as shipped: 10 steps where it has 100
    "torchattacks_autoattack_100": Entry("torchattacks", "autoattack_of_the_paper", RADIUS, {}),
}  # fmt: skip
# What runs where nothing else is asked for: the strongest for their passes, of which AUTOATTACKS are measured against
AUTOATTACKS = ("torchattacks_autoattack_100", "art_autoattack_10000")
CUSTOMARY = (*AUTOATTACKS, "torchattacks_apgdt", "foolbox_fmn_1000", "torchattacks_square_20000")
SETTINGS = "settings"  # corner_descent with what a network's spec set, where `networks.json` has it


def candidate(params):
    """The entry of corner_descent with these parameters."""
    return _ours("corner_descent", **params)
