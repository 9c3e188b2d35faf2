"""Evaluations of your own network: the spec that is made for it, and the limits that a run must keep.

Such a spec is run, stored and reported like any other.
"""

from bsa.evaluation._calls import evaluate as evaluate
from bsa.evaluation._calls import run as run
from bsa.evaluation._comments import commented as commented
from bsa.evaluation._evaluation import Adversarial as Adversarial
from bsa.evaluation._evaluation import Evaluation as Evaluation
from bsa.evaluation._limits import Limit as Limit
from bsa.evaluation._limits import limit as limit
from bsa.evaluation._limits import passed as passed
from bsa.evaluation._spec import IMAGES as IMAGES
from bsa.evaluation._spec import SEEN as SEEN
from bsa.evaluation._spec import experiment as experiment
from bsa.evaluation._spec import exploration as exploration
from bsa.evaluation._spec import legal as legal
