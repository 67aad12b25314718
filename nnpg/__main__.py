"""`python -m nnpg` is the command `nnpg`."""

from nnpg_command.start import nnpg

if __name__ == "__main__":
    nnpg()
