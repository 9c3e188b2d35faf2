"""Checks of an evaluation: `sanity` of a network and an attack, `control` of a cell, the `invariant` of certificates.

They are components with keys of their own at the top of a spec, "sanity", "control" and "invariant".
"""

from bsa.checks._check import TOO_FEW as TOO_FEW
from bsa.checks._check import Check as Check
from bsa.checks._check import asks as asks
from bsa.checks._strongest import NAME as STRONGEST
from bsa.checks._strongest import strongest as strongest

__all__ = ["STRONGEST", "TOO_FEW", "Check", "asks", "strongest"]
