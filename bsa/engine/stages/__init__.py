"""The glue: how each kind of stage is computed from the artefacts before it. One module a kind.

Each has `compute(stage, needs, part, desk)`: the stage, the artefact folders of its needs, a folder for its files and
a `Desk`; it returns the numbers for the stage's record. What a killed run left in `part/work` is taken up.
"""

from bsa.engine.stages import attack, certify, control, explore, invariant, measure, network, sanity
from bsa.engine.stages.desk import Desk as Desk
from bsa.engine.stages.desk import of_process as of_process

KINDS = {"network": network, "measure": measure, "certify": certify, "attack": attack}
KINDS |= {"control": control, "invariant": invariant, "sanity": sanity, "explore": explore}


def compute(stage, needs, part, desk):
    """Compute a stage into the folder `part`; `needs` are the folders of the stages it needs. Returns its numbers."""
    return KINDS[stage.kind].compute(stage, needs, part, desk)
