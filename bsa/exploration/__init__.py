"""The search of a space of transformations: ask for points, tell what was found there. No TensorFlow.

`explore.make(space, budget=40, seed=0, ...)` returns an `Exploration`, which looks for two points of a chain: the one
that keeps accuracy and breaks most, and the mildest one that keeps accuracy and breaks half.
"""

from bsa.exploration._found import Explored as Explored
from bsa.exploration._found import Found as Found
from bsa.exploration._found import Measured as Measured
from bsa.exploration._probe import Probe as Probe
from bsa.exploration._probe import front as front
from bsa.exploration._samplers import check as check
from bsa.exploration._space import allowed as allowed
from bsa.exploration._space import centre as centre
from bsa.exploration._space import drawn as drawn
from bsa.exploration._space import free as free
from bsa.exploration._space import grid as grid
from bsa.exploration._space import narrowed as narrowed
from bsa.exploration._space import size as size
from bsa.exploration.explore import Exploration as Exploration
