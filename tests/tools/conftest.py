"""tools/ is not part of the wheel: it is found in the checkout, after an installed bsa."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
