"""`python -m experiments`: the commands are in `experiments.commands`, imported where Ctrl-C is answered already."""

from __future__ import annotations

from typing import Any

from nnpg_command import main


def command(arguments: list[str]) -> Any:
    """Run the commands with these arguments."""
    from experiments.commands import app

    return app(arguments, prog_name="python -m experiments")


if __name__ == "__main__":
    main(command)
