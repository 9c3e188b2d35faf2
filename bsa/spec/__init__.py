"""Read, check and resolve a spec: the JSON file that states one experiment, or a collection of them.

The resolved spec (without comments, with defaults) is what is hashed, run and stored: an `Experiment`, or a
`Collection` of them. No TensorFlow here, so that `bsa validate` is fast.
"""

from bsa.spec.chain import chained as chained
from bsa.spec.chain import transform as transform
from bsa.spec.experiment import Collection as Collection
from bsa.spec.experiment import Experiment as Experiment
from bsa.spec.load import load as load
from bsa.spec.parameters import parameters as parameters
from bsa.spec.places import places as places
from bsa.spec.problems import Problem as Problem
from bsa.spec.problems import SpecError as SpecError
from bsa.spec.read import override as override
from bsa.spec.read import parse as parse
from bsa.spec.read import read as read
from bsa.spec.resolve import resolve as resolve
from bsa.spec.text import canonical as canonical
from bsa.spec.text import digest as digest
from bsa.spec.text import strip as strip
