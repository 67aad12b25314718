"""A page of Chromium in which the tests run the explorer's scripts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HARNESS = Path(__file__).parent / "harness.js"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Chromium of the system, driven by Playwright."""
    from playwright.sync_api import sync_playwright

    found = shutil.which("chromium") or shutil.which("chromium-browser")
    assert found, "needs Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def page(chromium: Any) -> Any:
    """An empty page with what `harness.js` defines."""
    blank = chromium.new_page()
    blank.add_script_tag(content=HARNESS.read_text())
    return blank
