"""bsa: blind-spot attacks on robust networks, after Zhang et al. (ICLR 2019).

`load`, `build`, `import_weights`, `fit`, `attack`, `certificate`, `measure`, `sanity` and `transform` are the library's
front door: they find a component by its name and fill in the defaults that specs use; `components` lists what there is.
`wrap` and `from_torch` make a network of one's own what they take. Importing bsa does not import TensorFlow; the first
call that computes does.
"""

from bsa.api import attack as attack
from bsa.api import build as build
from bsa.api import certificate as certificate
from bsa.api import evaluate as evaluate
from bsa.api import explore as explore
from bsa.api import fit as fit
from bsa.api import from_torch as from_torch
from bsa.api import import_weights as import_weights
from bsa.api import judge as judge
from bsa.api import load as load
from bsa.api import measure as measure
from bsa.api import run as run
from bsa.api import sanity as sanity
from bsa.api import wrap as wrap
from bsa.checks import Check as Check
from bsa.data import Dataset as Dataset
from bsa.errors import BsaError as BsaError
from bsa.evaluation import Evaluation as Evaluation
from bsa.listing import components as components
from bsa.outcomes import Attacked as Attacked
from bsa.outcomes import Certified as Certified
from bsa.spec import transform as transform
from bsa.transforms.scale_shift import blind_spot as blind_spot
from bsa.version import __version__ as __version__
