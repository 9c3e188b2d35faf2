"""The glue: how each kind of stage is computed from the artefacts before it. One module a kind.

Each has `compute(stage, needs, part, desk)`: the stage, the artefact folders of its needs, a folder for its files and
a `Desk`; it returns the numbers for the stage's record. What a killed run left in `part/work` is taken up.
"""

from typing import NamedTuple

from bsa.devices.strategy import ONE, Devices
from bsa.engine.pool import Pool
from bsa.engine.stages import attack, certify, invariant, measure, network, sanity

KINDS = {"network": network, "measure": measure, "certify": certify, "attack": attack}
KINDS |= {"invariant": invariant, "sanity": sanity}


class Desk(NamedTuple):
    """What every stage may use: where to report progress, and the folders of data and of weights, the devices.

    `pool`, if there is one, has other processes help with the chunks of attacks and certificates.
    """

    data_dir: str | None = None
    progress: object = None  # progress(done, total, **metrics), or None
    weights_dir: str | None = None
    devices: Devices = ONE
    pool: Pool | None = None


def compute(stage, needs, part, desk):
    """Compute a stage into the folder `part`; `needs` are the folders of the stages it needs. Returns its numbers."""
    return KINDS[stage.kind].compute(stage, needs, part, desk)
