"""The command line."""

from bsa.cli.commands import main as main
