"""The page's JavaScript modules as one script: a page that is opened from a file cannot import another file."""

from __future__ import annotations

import re
from importlib.resources import files

ENGINE = ("layers.js", "engine.js", "document.js")  # each imports only from those before it
_IMPORT = re.compile(r"^import \{[^}]*\} from \"\./[a-z_]+\.js\";\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=const |let |function |async function |class )", re.MULTILINE)


def module_text(name: str) -> str:
    """Return the text of a module, such as "engine.js".

    Examples
    --------
    >>> module_text("engine.js").count("export function forward(")
    1
    """
    return (files("nnpg.explorer") / name).read_text(encoding="utf-8")


def script(*names: str) -> str:
    """Return modules as one script, without their imports and exports.

    Parameters
    ----------
    *names : str
        In an order in which each imports only from those before it; the engine's unless given.

    Returns
    -------
    str
        For a `<script type="module">`: no top-level name may occur twice.

    Examples
    --------
    >>> "import {" in script(), "function forward(" in script(), "function selfCheck(" in script("document.js")
    (False, True, True)
    """
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", module_text(name))) for name in names or ENGINE)
