"""Formulas become MathML when the site is built: a browser shows them without a script and without the network.

Temml converts them, under Node; the font has the tables that mathematics needs. Both are packages of npm, taken once,
and used only if their content is what is written here.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import tarfile
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)

TEMML = "temml@0.13.5", "aPkDDgunanpLNL0ql32HbolqLep+w8DRcVXRql7rWrMt/PhczdLgL4UBYYVU3BYjCNjkGq4EqwIicu/zWr1iOg=="
FONT = (
    "@fontsource/noto-sans-math@5.3.0",
    "CzodkZ4R2VC73rqbNbVpiI94fXZJLFEMNBTAM3DFadjAKrjLQ2Fr+s2yM2c5uS+frBZ2IM+LyMo6COhAzV7hCA==",
)
PARTS = {  # of the packages: what the site serves, and what converts
    "dist/temml.cjs": "temml.cjs",
    "dist/Temml-Local.css": "static/temml.css",
    "dist/Temml.woff2": "static/Temml.woff2",
    "files/noto-sans-math-latin-400-normal.woff2": "static/noto-sans-math.woff2",
}


def fetch(config: Config) -> Path:
    """Return the folder with the converter and what the site serves; take them from npm unless they are there."""
    folder = Path(config.nnpg_cache) / "mathematics"
    if not all((folder / name).exists() for name in PARTS.values()):
        for package, digest in (TEMML, FONT):
            _unpack(_packed(package, digest, folder), folder)
    return folder


def _packed(package: str, digest: str, folder: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise ExtensionError(f"mathematics: needs Node and npm, to take {package}: install them (Debian: nodejs, npm)")
    folder.mkdir(parents=True, exist_ok=True)
    answer = subprocess.run(
        [npm, "pack", package, "--silent", "--pack-destination", str(folder)], capture_output=True, text=True
    )
    if answer.returncode:
        raise ExtensionError(f"mathematics: npm cannot take {package}: {answer.stderr.strip()[-300:]}")
    file = folder / answer.stdout.strip().splitlines()[-1]
    found = base64.b64encode(hashlib.sha512(file.read_bytes()).digest()).decode()
    if found != digest:
        file.unlink()
        raise ExtensionError(
            f"mathematics: {package} has the digest {found}, not {digest}: it is not the expected package"
        )
    return file


def _unpack(file: Path, folder: Path) -> None:
    (folder / "static").mkdir(exist_ok=True)
    with tarfile.open(file) as archive:
        for member in archive:
            name = PARTS.get(member.name.removeprefix("package/"))
            content = archive.extractfile(member)
            if name and content:
                (folder / name).write_bytes(content.read())
    file.unlink()


class Converter:
    """Node with Temml, which answers one formula after another."""

    def __init__(self, folder: Path) -> None:
        command = ["node", str(Path(__file__).with_name("temml.cjs")), str(folder / "temml.cjs")]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")

    def __call__(self, latex: str, *, block: bool) -> str:
        """Return MathML; ValueError says why a formula cannot be read."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"latex": latex, "block": block}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise ValueError(answer["error"])
        return str(answer["mathml"])


@cache
def converter(folder: Path) -> Converter:
    """Return the one converter of this process."""
    return Converter(folder)


def convert_formulas(app: Sphinx, doctree: nodes.document) -> None:
    """Write the MathML of each formula into its node; one that cannot be read is a warning, and so breaks the build."""
    for node in doctree.findall(lambda node: isinstance(node, nodes.math | nodes.math_block)):
        _convert(node, Path(app.config.nnpg_cache) / "mathematics")


def _convert(node: nodes.Element, folder: Path) -> str:
    if "mathml" not in node:
        try:
            node["mathml"] = converter(folder)(node.astext(), block=isinstance(node, nodes.math_block))
        except ValueError as error:
            logger.warning("mathematics: %s in %r", error, node.astext(), location=node, type="nnpg", subtype="math")
            node["mathml"] = ""
    return str(node["mathml"])


def visit_inline(translator: HTML5Translator, node: nodes.math) -> None:
    """Write a formula in a line."""
    translator.body.append(_convert(node, Path(translator.config.nnpg_cache) / "mathematics"))
    raise nodes.SkipNode


def visit_block(translator: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula in a block of its own, with its number where it has one."""
    translator.body.append(translator.starttag(node, "div", CLASS="math"))
    translator.body.append(_convert(node, Path(translator.config.nnpg_cache) / "mathematics"))
    if node.get("number"):
        number = get_node_equation_number(translator, node)
        translator.body.append(f'<span class="eqno">({number})')
        translator.add_permalink_ref(node, "Link to this equation")
        translator.body.append("</span>")
    translator.body.append("</div>\n")
    raise nodes.SkipNode


def take_packages(app: Sphinx, config: Config) -> None:
    """Have the packages before anything is read; the site serves their style and font."""
    config.html_static_path.append(str(fetch(config) / "static"))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the mathematics with Sphinx; `html_math_renderer = "mathml"` chooses it."""
    app.add_config_value("nnpg_cache", "", "html")
    app.add_html_math_renderer("mathml", inline_renderers=(visit_inline, None), block_renderers=(visit_block, None))
    app.add_css_file("temml.css")
    app.connect("config-inited", take_packages, priority=100)
    app.connect("doctree-read", convert_formulas)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
