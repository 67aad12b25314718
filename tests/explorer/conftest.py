"""A page of Chromium in which the tests import the explorer's modules, as they are or changed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from explorer.pages import Written, opened, write

HARNESS = Path(__file__).parent / "harness.js"
SITE = "http://explorer.test"  # nothing leaves the browser: every request is answered here


class Browser:
    """A page, and the modules that it can import."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.changes: list[Mapping[str, str]] = []
        page.route(f"{SITE}/**", lambda route: route.fulfill(**self._answer(route.request.url.removeprefix(SITE))))
        page.goto(f"{SITE}/")
        page.add_script_tag(content=HARNESS.read_text(encoding="utf-8"))

    def engine(self, **changes: str) -> str:
        """Return the folder of the modules; `layers="..."` takes the place of layers.js."""
        self.changes.append(changes)
        return f"{SITE}/{len(self.changes) - 1}"

    def evaluate(self, function: str, *values: Any) -> Any:
        """Call a function of JavaScript."""
        return self.page.evaluate(f"values => ({function})(...values)", list(values))

    def _answer(self, path: str) -> dict[str, str]:
        if path == "/":
            return {"content_type": "text/html", "body": "<!doctype html>"}
        _, n, name = path.split("/")
        text = self.changes[int(n)].get(name.removesuffix(".js")) or module_text(name)
        return {"content_type": "text/javascript", "body": text}


def module_text(name: str) -> str:
    return (files("nnpg.explorer") / name).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def browser(chromium: Any) -> Browser:
    """An empty page with what `harness.js` defines."""
    return Browser(chromium.new_page())


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Written]:
    """Write the page of a network of `pages.NETS`, once."""
    folder, known = tmp_path_factory.mktemp("explorer"), dict[str, Written]()

    def of(name: str) -> Written:
        if name not in known:
            known[name] = write(name, folder)
        return known[name]

    return of


@pytest.fixture(scope="session")
def open_page(chromium: Any, written: Callable[[str], Written]) -> Callable[[str], Any]:
    """Open the page of a network, once, in a window of 1280 x 800."""
    context, known = chromium.new_context(viewport={"width": 1280, "height": 800}), dict[str, Any]()

    def of(name: str) -> Any:
        if name not in known:
            known[name] = opened(context, written(name))
        return known[name]

    return of


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The rules of axe-core: of the file that NNPG_AXE names, or installed by npm where there is one."""
    if known := os.environ.get("NNPG_AXE"):
        return Path(known).read_text(encoding="utf-8")
    npm, folder = shutil.which("npm"), tmp_path_factory.mktemp("axe")
    if npm is None:
        pytest.skip("needs npm, to install axe-core, or NNPG_AXE=axe.min.js")
    command = [
        npm,
        "install",
        "--silent",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--prefix",
        str(folder),
        "axe-core@4",
    ]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if answer.returncode:
        pytest.skip(f"axe-core cannot be installed: {answer.stderr.strip()[-200:]}")
    return (folder / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")
