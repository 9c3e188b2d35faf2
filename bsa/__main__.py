"""`python -m bsa` is `bsa`."""

from bsa.cli.commands import main

main()
