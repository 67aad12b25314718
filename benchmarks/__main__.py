"""`python -m benchmarks`: the commands are in `benchmarks.commands`, imported where Ctrl-C is answered already."""

from __future__ import annotations

from typing import Any

from nnpg_command import main


def command(arguments: list[str]) -> Any:
    """Run the commands with these arguments."""
    from benchmarks.commands import app

    return app(arguments, prog_name="python -m benchmarks")


if __name__ == "__main__":
    main(command)
