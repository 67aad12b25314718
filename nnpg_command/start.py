"""The command `nnpg`, started so that Ctrl-C is answered while its large modules are imported."""

from __future__ import annotations

from typing import Any, NoReturn

from nnpg_command import main


def nnpg() -> NoReturn:
    """Run the command `nnpg`."""

    def command(arguments: list[str]) -> Any:
        from nnpg.cli import app  # imported here: Ctrl-C is answered from now on

        return app(arguments, prog_name="nnpg")

    main(command)
