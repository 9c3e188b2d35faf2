"""Certificates, one module each: `make(model, *, epsilon, ...)` returns `certificate(x, y) -> Certified`."""

from bsa.certify._bounds import Options as Options
from bsa.certify._bounds import margins as margins
from bsa.certify._cascade import Decided as Decided
from bsa.certify._cascade import decide as decide
from bsa.certify._chain import chain as chain
from bsa.certify._chain import check as check
from bsa.certify._chain import forward as forward
from bsa.outcomes import Certified as Certified
