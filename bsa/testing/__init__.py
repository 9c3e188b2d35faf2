"""The tests that every component must pass: `check_attack("boundary", steps=10)` and its siblings.

Each runs a table of checks on a real component, by its name as in a spec, and raises AssertionError with a sentence if
one fails. The data and the network ship with bsa: scikit-learn's digits and a small adversarially trained network.
"""

from bsa.testing._attack import ATTACK as ATTACK
from bsa.testing._attack import check_attack as check_attack
from bsa.testing._attacking import Attacking as Attacking
from bsa.testing._certificate import check_certificate as check_certificate
from bsa.testing._data import check_data as check_data
from bsa.testing._measure import check_measure as check_measure
from bsa.testing._model import check_model as check_model
from bsa.testing._objective import check_objective as check_objective
from bsa.testing._shared import attacked_images as attacked_images
from bsa.testing._shared import digits as digits
from bsa.testing._shared import trained as trained
from bsa.testing._transform import check_transform as check_transform
