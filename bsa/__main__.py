"""`python -m bsa` is `bsa`."""

from bsa.cli import main

main()
