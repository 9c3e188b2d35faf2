"""Every transformation passes the public table."""

import pytest

from bsa import catalog
from bsa.testing import check_transform

COLOUR = {"shapes": ((33, 17, 3), (5, 5, 3))}
GIVEN = {"hue": COLOUR, "saturation": COLOUR}


@pytest.mark.parametrize("name", catalog.names("transforms"))
def test_the_table(name):
    check_transform(name, **GIVEN.get(name, {}))
