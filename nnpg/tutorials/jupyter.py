"""From a text notebook in MyST Markdown to a notebook of Jupyter (nbformat 4.5).

Jupyter knows cells, Markdown and $mathematics$, and none of MyST's directives and roles. So

    ```{code-cell} python                     a cell of code; its :tags: are the cell's
    ```{math}                                 $$ ... $$, with the number of its :label:
    ```{note}, {warning}, {admonition} ...    a quotation with a bold first line; with :class: dropdown, <details>
    {line}`module.Class.method: text`         `text`, and where it stands
    {eq}`label`                               the number of the equation
    {doc}`title <page>`, {func}`name` ...     the title; the name
    [title](other.md)                         a link to other.ipynb beside it; of a page elsewhere, its title

A directive or a role that is not listed is refused, so that no page of Jupyter shows raw MyST.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from nnpg.support.arguments import as_text

ADMONITIONS = {
    "admonition": "",
    "note": "Note",
    "tip": "Tip",
    "hint": "Hint",
    "important": "Important",
    "warning": "Warning",
    "caution": "Caution",
    "seealso": "See also",
}
NAMES = ("func", "class", "meth", "mod", "attr", "data", "exc", "obj", "term", "file", "command")
TITLED = ("doc", "ref")

_FENCE = re.compile(r"(?P<marks>`{3,}|~{3,}|:{3,})\s*(?:\{(?P<name>[\w:-]+)\})?\s*(?P<argument>.*)")
_ROLE = re.compile(r"\{(?P<name>[\w:]+)\}(?P<marks>`+)(?P<content>.+?)(?P=marks)")
_CODE = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)")
_LINK = re.compile(r"(?<!!)\[(?P<title>[^\]]+)\]\((?P<target>[^)\s]+)\)")


class Block(NamedTuple):
    """A fenced block, and the line behind it: its name ("" of plain code), argument, options and lines."""

    name: str
    argument: str
    options: Mapping[str, str]
    lines: list[str]
    stop: int


def as_jupyter(text: str) -> dict[str, Any]:
    r"""Return a text notebook as a notebook of Jupyter: a dict to be written as JSON.

    Parameters
    ----------
    text : str
        MyST Markdown with ``{code-cell}`` blocks.

    Returns
    -------
    dict
        A notebook of nbformat 4.5, without outputs.

    Raises
    ------
    ValueError
        For a directive or a role that has no form in Jupyter, an equation that has no label, or a fence without an end.

    Examples
    --------
    >>> notebook = as_jupyter("# Sums\n\n```{code-cell} python\n1 + 1\n```\n")
    >>> [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]
    [('markdown', '# Sums'), ('code', '1 + 1')]
    """
    lines = _body(as_text(text, "text").splitlines())
    numbers = {label: str(n) for n, label in enumerate(_labels(lines), start=1)}
    cells: list[dict[str, Any]] = []
    prose: list[str] = []
    at = 0
    while at < len(lines):
        block = _block(lines, at)
        if block is not None and block.name == "code-cell":
            cells += _markdown(prose, numbers)
            cells.append(_code(block))
            prose, at = [], block.stop
        else:
            stop = at + 1 if block is None else block.stop
            prose, at = prose + lines[at:stop], stop
    cells += _markdown(prose, numbers)
    return {
        "cells": [{"id": f"cell-{n}", **cell} for n, cell in enumerate(cells)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _body(lines: list[str]) -> list[str]:
    """Return the lines behind the front matter."""
    if lines[:1] == ["---"] and "---" in lines[1:]:
        return lines[lines.index("---", 1) + 1 :]
    return lines


def _block(lines: list[str], at: int) -> Block | None:
    """Return the block that begins at a line, if one does."""
    opening = _FENCE.fullmatch(lines[at])
    if opening is None:
        return None
    marks = opening["marks"]
    ends = (n for n in range(at + 1, len(lines)) if re.fullmatch(rf"{marks[0]}{{{len(marks)},}}\s*", lines[n]))
    stop = next(ends, None)
    if stop is None:
        raise ValueError(f"text: the fence {lines[at]!r} has no end")
    inner, options = lines[at + 1 : stop], {}
    while opening["name"] and inner and (option := re.fullmatch(r":([\w-]+):\s*(.*)", inner[0])):
        options[option[1]] = option[2].strip()
        inner = inner[1:]
    return Block(opening["name"] or "", opening["argument"].strip(), options, inner, stop + 1)


def _labels(lines: list[str]) -> Iterator[str]:
    """Yield the labels of the equations, in order."""
    at = 0
    while at < len(lines):
        block = _block(lines, at)
        at = at + 1 if block is None else block.stop
        if block is not None and block.name == "math" and "label" in block.options:
            yield block.options["label"]
        elif block is not None and block.name in ADMONITIONS:
            yield from _labels(block.lines)


def _code(block: Block) -> dict[str, Any]:
    tags = [tag.strip() for tag in block.options.get("tags", "").strip("[]").split(",") if tag.strip()]
    metadata: dict[str, Any] = {"tags": tags} if tags else {}
    if "hide-input" in tags:
        metadata["jupyter"] = {"source_hidden": True}
    source = _source(block.lines)
    return {"cell_type": "code", "execution_count": None, "metadata": metadata, "outputs": [], "source": source}


def _markdown(lines: list[str], numbers: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the cell of some lines of prose; none for empty lines."""
    source = _source(_shown(lines, numbers))
    return [{"cell_type": "markdown", "metadata": {}, "source": source}] if source else []


def _source(lines: list[str]) -> list[str]:
    """Return lines as nbformat stores them: without empty ones at the ends, each but the last with its line break."""
    return "\n".join(lines).strip("\n").splitlines(keepends=True)


def _shown(lines: list[str], numbers: Mapping[str, str]) -> list[str]:
    """Return prose in MyST as prose in the Markdown of Jupyter."""
    shown: list[str] = []
    at = 0
    while at < len(lines):
        block = _block(lines, at)
        if block is None:
            line = lines[at]
            if not re.match(r"%|\+\+\+|\([\w-]+\)=\s*$", line):  # a comment, a break between cells, a target of links
                shown.append(_line(line, numbers))
            at += 1
        else:
            shown += lines[at : block.stop] if not block.name else _directive(block, numbers)
            at = block.stop
    return shown


def _directive(block: Block, numbers: Mapping[str, str]) -> list[str]:
    if block.name == "math":
        label = block.options.get("label")
        tag = [] if label is None else [rf"\tag{{{numbers[label]}}}"]
        return ["$$", *block.lines, *tag, "$$"]
    if block.name not in ADMONITIONS:
        raise ValueError(f"text: the directive {{{block.name}}} has no form in Jupyter")
    title = _line(block.argument or ADMONITIONS[block.name], numbers)
    inner = "\n".join(_shown(block.lines, numbers)).strip("\n").splitlines()
    if "dropdown" in block.options.get("class", ""):
        return ["<details>", f"<summary>{title}</summary>", "", *inner, "", "</details>"]
    return [f"> {line}".rstrip() for line in (f"**{title}**", "", *inner)]


def _line(line: str, numbers: Mapping[str, str]) -> str:
    """Return a line with its roles and links as Jupyter shows them; what stands in `code` is not touched."""

    def role(match: re.Match[str]) -> str:
        name, content = match["name"].split(":")[-1], match["content"]
        titled = re.fullmatch(r"(.+?)\s*<(.+)>", content)
        if name == "line":
            place, _, text = content.partition(": ")
            return f"`{text}` (in `{place}`)"
        if name == "eq":
            if content not in numbers:
                raise ValueError(f"text: no equation has the label {content!r}")
            return f"({numbers[content]})"
        if name == "math":
            return f"${content}$"
        if name in TITLED:
            return titled[1] if titled else content
        if name in NAMES:
            return f"`{titled[1] if titled else content.lstrip('~!')}`"
        raise ValueError(f"text: the role {{{match['name']}}} has no form in Jupyter")

    def link(match: re.Match[str]) -> str:
        title, target = match["title"], match["target"]
        page = re.fullmatch(r"(\d\d_\w+)\.md(#.*)?", target)
        if page:
            return f"[{title}]({page[1]}.ipynb)"
        return match[0] if re.match(r"https?://|#", target) else title

    parts: list[str] = []
    at = 0
    while at < len(line):
        found = [match for match in (_ROLE.search(line, at), _CODE.search(line, at)) if match is not None]
        if not found:
            break
        first = min(found, key=lambda match: match.start())
        parts += [_LINK.sub(link, line[at : first.start()]), role(first) if first.re is _ROLE else first[0]]
        at = first.end()
    return "".join([*parts, _LINK.sub(link, line[at:])])
