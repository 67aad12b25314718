"""The lecture in the built site: its steps are whole, and the explorer of the site has the states that they link."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from explorer.pages import READ, shows

import nnpg
from nnpg.data import faces
from nnpg.explorer import images_of_page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def tab(chromium: Any, served: str) -> Any:
    """The page of the twelve steps."""
    with contextlib.closing(chromium.new_page(viewport={"width": 1280, "height": 800})) as tab:
        tab.goto(f"{served}/lecture/steps.html")
        yield tab


def test_each_step_is_there_with_its_line_and_every_drawing_is_shown(tab: Any, site: Path) -> None:
    titles = tab.eval_on_selector_all("article h2", "titles => titles.map(title => title.innerText)")
    assert [title.partition(".")[0] for title in titles] == [str(n) for n in range(1, 13)]
    assert tab.locator("article section section a.line-of-code").count() == 12
    drawn = tab.eval_on_selector_all("article img.drawing", "all => all.map(image => image.naturalWidth)")
    assert len(drawn) == 11
    assert min(drawn) > 100
    files = sorted(path.suffix for path in (site / "lecture").rglob("*") if path.suffix in (".pdf", ".safetensors"))
    assert files == [".pdf"] * 11 + [".safetensors"]
    assert (site / "lecture" / "handout.html").is_file()


def test_each_link_of_the_steps_opens_its_state_of_the_sites_explorer(tab: Any, site: Path) -> None:
    net, data = nnpg.load_network(site / "lecture" / "faces.safetensors"), faces()
    images = images_of_page(net, data.x, data.labels)
    links = tab.eval_on_selector_all("a.state", "links => links.map(link => link.href)")
    assert len(links) == 12
    tab.goto(links[0])
    tab.wait_for_selector("body[data-state]", state="attached")
    tab.evaluate(READ)
    for link in links:
        words = urlsplit(link).fragment
        asked = {key: value[0] for key, value in parse_qs(words).items()}
        if "off" in asked:
            continue
        shown = tab.evaluate("hash => readStates([hash])", words)[0]
        name, _, place = asked["unit"].partition(":")
        trace = net.astype(np.float64).to("numpy").forward(data.x[images[[int(asked["image"])]]].astype(np.float64))
        number = trace[name][(0, *map(int, place.split(",")))]
        assert shows(shown["o"], number, abs(trace[name]).max()), link


def test_the_code_of_a_number_links_its_line_in_the_sites_source(chromium: Any, served: str) -> None:
    with contextlib.closing(chromium.new_page(viewport={"width": 1280, "height": 800})) as tab:
        for explorer in ("explorer.html", "demo/explorer.html"):
            tab.goto(f"{served}/{explorer}#tab=code&unit=conv2%3A3%2C4%2C5")
            tab.wait_for_selector("body[data-state]", state="attached")
            links = tab.eval_on_selector_all("#code-panel a", "links => links.map(link => [link.href, link.innerText])")
            assert [words.partition(",")[0] for _, words in links] == ["Conv.forward", "Tanh.backward"]
            for address, words in links:
                assert address.startswith(f"{served}/source/nnpg/layers/")
                tab.goto(address)
                marked = tab.inner_text(":target")
                assert f"def {words.partition(',')[0].partition('.')[2]}(" in marked, address
