"""The public library: components by name, attacks above all, and your own networks."""

from bsa.api.attacks import attack as attack
from bsa.api.attacks import sanity as sanity
from bsa.api.components import build as build
from bsa.api.components import certificate as certificate
from bsa.api.components import fit as fit
from bsa.api.components import import_weights as import_weights
from bsa.api.components import load as load
from bsa.api.components import measure as measure
from bsa.api.evaluations import evaluate as evaluate
from bsa.api.evaluations import run as run
from bsa.api.exploring import explore as explore
from bsa.api.own import from_torch as from_torch
from bsa.api.own import judge as judge
from bsa.api.own import wrap as wrap
