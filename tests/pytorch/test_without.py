"""Where PyTorch is not installed."""

import sys

import pytest

import bsa
from bsa.errors import UsageError


def test_it_is_asked_for(monkeypatch):
    for name in [each for each in sys.modules if each.startswith("bsa.pytorch")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)  # so an import fails
    with pytest.raises(UsageError, match=r'expected PyTorch, found none: pip install "bsa\[torch\]"'):
        bsa.from_torch(None)
