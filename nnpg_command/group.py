"""The group of commands of a Typer application that handles errors as `nnpg_command.run` does."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

from typer.core import TyperGroup

from nnpg_command import run


class Commands(TyperGroup):
    """Give it to `typer.Typer(cls=Commands)`; ``--debug`` is taken before or after a command's name."""

    def main(self, *positional: Any, **extra: Any) -> NoReturn:
        """Run a command and leave with its exit code."""
        args = positional[0] if positional else extra.pop("args", None)
        words = list(sys.argv[1:] if args is None else args)

        def command(arguments: list[str]) -> Any:
            others = [argument for argument in arguments if argument != "--debug"]
            return super(Commands, self).main(others, **extra | {"standalone_mode": False})

        sys.exit(run(command, words))
