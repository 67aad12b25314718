"""`python -m nnpg` is the command `nnpg`."""

from nnpg.cli import main

main()
