"""The page's modules as one script: a page opened from a file cannot import others.

Each module becomes a function that returns its exports, so that modules may use the same private names.
"""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import PurePosixPath

_IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.\.?/[a-z_./]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (async function|function|class|const|let) (\w+)", re.MULTILINE)
_LEFT = re.compile(r"^(import|export)\b", re.MULTILINE)


def bundled(entry: str) -> str:
    """Return a module and all that it imports as one script, each module after those that it imports from.

    Parameters
    ----------
    entry : str
        Its place in `nnpg/explorer`, such as "page/main.js".

    Raises
    ------
    ValueError
        If modules import each other in a circle, or a name that the other does not export, or in another form than
        `import { a, b } from "./c.js"` and `export function`, `export const`.

    Examples
    --------
    >>> script = bundled("layers.js")
    >>> script.startswith("const module_layers = (() => {"), "export " in script.split("*/")[-1]
    (True, False)
    """
    texts: dict[str, str] = {}
    _add(entry, texts, ())
    return "\n".join(texts.values())


def exports(place: str) -> list[str]:
    """Return the names that a module exports.

    Examples
    --------
    >>> "forward" in exports("engine.js")
    True
    """
    return [name for _, name in _EXPORT.findall(_text(place))]


def _add(place: str, texts: dict[str, str], importers: tuple[str, ...]) -> None:
    if place in texts:
        return
    if place in importers:
        raise ValueError(f"{place} imports itself: {' -> '.join([*importers, place])}")
    text = _text(place)

    def constants(found: re.Match[str]) -> str:
        names, other = found[1], _beside(place, found[2])
        _add(other, texts, (*importers, place))
        for name in (part.split(" as ")[0].strip() for part in names.split(",")):
            if name and name not in exports(other):
                raise ValueError(f"{place} imports {name} from {other}, which exports {', '.join(exports(other))}")
        return f"const {{{names.replace(' as ', ': ')}}} = {_constant(other)};\n"

    body = _EXPORT.sub(r"\1 \2", _IMPORT.sub(constants, text))
    unread = _LEFT.search(body)
    if unread:
        line = body.count("\n", 0, unread.start()) + 1
        raise ValueError(f"{place}, line {line}: import {{ a }} from or export function, const or class is expected")
    texts[place] = f"const {_constant(place)} = (() => {{\n{body}return {{ {', '.join(exports(place))} }};\n}})();"


def _text(place: str) -> str:
    return files("nnpg.explorer").joinpath(*place.split("/")).read_text(encoding="utf-8")


def _beside(place: str, other: str) -> str:
    """Return the place of a module that is imported as `other`.

    Examples
    --------
    >>> _beside("page/main.js", "../engine.js"), _beside("page/main.js", "./tour.js")
    ('engine.js', 'page/tour.js')
    """
    parts: list[str] = []
    for part in (PurePosixPath(place).parent / other).parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


def _constant(place: str) -> str:
    return "module_" + re.sub(r"\W", "_", place.removesuffix(".js"))
