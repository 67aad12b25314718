"""The pages of the reference, written when the site is built: one for each theme, each name linked to its source."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment

from nnpg_docs.public_names import Public, documented_as, place_of, public_names, theme_of
from nnpg_docs.source_pages import page_of
from nnpg_docs.themes import THEMES, Theme

FOLDER = "reference/themes"


def write_pages(app: Sphinx, config: Config) -> None:
    """Write the pages that have changed, and delete those of themes that are gone."""
    folder = Path(app.srcdir) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    names: dict[str, list[Public]] = {}
    for public in public_names():
        names.setdefault(theme_of(public).page, []).append(public)
    texts = {f"{theme.page}.rst": page(theme, names[theme.page]) for theme in THEMES}
    for file in folder.iterdir():
        if file.name not in texts:
            file.unlink()
    for name, text in texts.items():
        if not (folder / name).exists() or (folder / name).read_text(encoding="utf-8") != text:
            (folder / name).write_text(text, encoding="utf-8")


def page(theme: Theme, names: list[Public]) -> str:
    """Return a page: a table of its names, then each with its docstring."""
    title = f"{theme.title}\n{'=' * len(theme.title)}\n\n{theme.text}\n"
    rows = "".join(f"   * - :py:obj:`{public.name}`\n     - {literal(public.summary)}\n" for public in names)
    table = f".. list-table::\n   :widths: 40 60\n   :class: names\n\n{rows}"
    return "\n".join([title, table, *map(entry, names)])


def literal(text: str) -> str:
    """Return a line of plain text as reStructuredText: an equation in it is no markup, `a name` is code."""
    parts = re.split(r"(`+[^`]*`+)", text)
    codes = (
        f"``{part.strip('`')}``" if part.startswith("`") else re.sub(r"([\\*|_])", r"\\\1", part) for part in parts
    )
    return "".join(codes) or "\\"


def entry(public: Public) -> str:
    """Return the directive that documents one name."""
    if inspect.isclass(public.value):
        return f".. autoclass:: {public.name}\n   :members:\n"
    if inspect.isroutine(public.value):
        return f".. autofunction:: {public.name}\n"
    return f".. py:data:: {public.name}\n\n   {literal(public.summary)}\n"


def plain_text(app: Sphinx, what: str, name: str, value: object, options: object, lines: list[str]) -> None:
    """Let what would be markup in a docstring stand for itself: docstrings are plain text with `names` and examples.

    Indented lines above the sections are formulas, and stand as they are written.
    """
    if lines and lines[0].startswith("Alias for field number"):  # which Python writes for a field of a named tuple
        lines.clear()
    sections = next((n for n, line in enumerate(lines) if re.fullmatch(r"\s*---+", line)), len(lines))
    plain: list[str] = []
    for n, line in enumerate(lines):
        formula = n < sections and line.startswith("    ")
        if formula and not lines[n - 1].strip():
            plain += ["::", ""]
        if formula or line.lstrip().startswith((">>>", "...")):
            plain.append(line)
        else:
            parts = re.split(r"(``[^`]*``|`[^`]*`)", line)
            plain.append("".join(p if p.startswith("`") else re.sub(r"([*|])", r"\\\1", p) for p in parts))
    lines[:] = plain


def plain_signature(
    app: Sphinx, what: str, name: str, value: object, options: object, signature: str | None, returned: str | None
) -> tuple[str | None, str | None]:
    """Let a default that is a module, class or function stand as its name: elsewhere its file would be named.

    A protocol is not called, and has no signature.
    """
    if getattr(value, "_is_protocol", False):
        return "", returned
    if signature is not None:
        signature = re.sub(r"<(?:module|class|function) '?([\w.]+)'?[^>]*>", r"\1", signature)
    return signature, returned


def link_sources(app: Sphinx, doctree: nodes.document) -> None:
    """Put a link to its source beside each signature."""
    if not app.env.docname.startswith(FOLDER):
        return
    known = {public.name: public for public in public_names()}
    for signature in doctree.findall(addnodes.desc_signature):
        name = f"{signature.get('module')}.{signature.get('fullname')}"
        parts = name.split(".")
        head = next((head for n in range(len(parts), 0, -1) if (head := ".".join(parts[:n])) in known), None)
        place = place_of(known[head], name[len(head) + 1 :]) if head else None
        if place is not None:
            module, line = place
            uri = f"{app.builder.get_relative_uri(app.env.docname, page_of(module))}#L-{line}"
            link = nodes.reference("", "", internal=True, refuri=uri, classes=["source-link"])
            link += nodes.inline(text="source")
            signature += link


def resolve(app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, content: nodes.Node) -> nodes.Node | None:
    """Find what is named otherwise than it is documented: by its true name, or by its last word."""
    if node.get("refdomain") != "py":
        return None
    name = documented_as(node["reftarget"])
    if name is None or name == node["reftarget"]:
        return None
    return env.domains.python_domain.resolve_xref(env, node["refdoc"], app.builder, "obj", name, node, content)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the reference with Sphinx."""
    app.connect("config-inited", write_pages)
    app.connect("autodoc-process-docstring", plain_text, priority=100)  # before numpydoc, which makes markup
    app.connect("autodoc-process-signature", plain_signature)
    app.connect("doctree-read", link_sources)
    app.connect("missing-reference", resolve)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
