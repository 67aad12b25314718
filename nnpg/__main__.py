"""The command `nnpg`: as it is installed, and as `python -m nnpg`. Ctrl-C is handled from its first import on."""

from __future__ import annotations

from typing import Any, NoReturn

from nnpg_command import main


def nnpg() -> NoReturn:
    """Run the command `nnpg`."""

    def command(arguments: list[str]) -> Any:
        from nnpg.cli import app  # imported here: an error of the import also ends in one line

        return app(arguments, prog_name="nnpg")

    main(command)


if __name__ == "__main__":
    nnpg()
