"""The version: `setup.py` reads it here, and a release has it as its tag."""

__version__ = "0.1.0"
