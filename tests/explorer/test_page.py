"""The page as a file: it loads nothing, fits its windows, is refused where it is damaged, and writes its program."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from explorer.pages import NETS, READ, shows

from nnpg.explorer import read_page
from nnpg.files import ModelFileError

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("name", NETS)
def test_it_opens_from_a_file_without_a_request_or_an_error(name: str, chromium: Any, written: Any) -> None:
    about = written(name)
    requests, messages = [], []
    with contextlib.closing(chromium.new_page()) as page:
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.goto(about.path.as_uri())
        page.wait_for_selector("body[data-compared=all]", state="attached")
        words = page.inner_text("#agreement")
        page.click("#tour-close")
        for button in ("#tab-weight", "#tab-step", "#take-step", "#tab-code", "#copy", "#least", "#undo"):
            page.click(button)
        assert page.inner_text("h1") == name
        assert page.locator("#code-panel code").count() > 0
        assert page.locator("#code-panel a").count() == 0, "a page that stands alone links no source"
    assert requests == [about.path.as_uri()]
    assert messages == []
    found = re.fullmatch(
        r"This page agrees with nnpg [\d.]+ to \de−(\d+): (\d+) arrays of (\d+) images? compared\..*", words
    )
    assert found is not None
    assert int(found[1]) >= 12
    assert int(found[2]) >= 30
    assert int(found[3]) == len(about.x)


def test_its_file_holds_the_network_and_the_images_exactly(written: Any) -> None:
    about = written("odd")
    assert about.class_names == ("<b>", "a & b", 'c"', "d</script>", "ä")
    page = read_page(about.path, "numpy")
    assert page.net.dtype == np.float32
    assert (page.x == about.x.astype(np.float32)).all()


def damaged(text: str, old: str, new: str, checksum: bool) -> str:
    """Return a page in which a part of the document is another, with a checksum that fits or does not."""
    found = re.search(r'data-crc32="(\d+)"[^>]*>(.*?)</script>', text, re.DOTALL)
    assert found is not None
    changed = found[2].replace(old, new, 1)
    assert changed != found[2]
    text = text.replace(found[2], changed)
    return text.replace(found[1], str(zlib.crc32(changed.encode()))) if checksum else text


def test_a_damaged_page_has_a_red_banner_and_no_numbers(chromium: Any, written: Any, tmp_path: Path) -> None:
    text = written("odd").path.read_text(encoding="utf-8")
    weights = json.loads(re.search(r'data-first="\d+">(.*?)</script>', text, re.DOTALL)[1])["layers"][0]["arrays"]["W"][
        "data"
    ]  # type: ignore[index]
    values = np.frombuffer(base64.b64decode(weights), "<f4").copy()
    values[7] *= 1.001
    other = base64.b64encode(values.tobytes()).decode()
    pages = {
        "checksum": (damaged(text, weights, other, checksum=False), "this file is damaged"),
        "weight": (damaged(text, weights, other, checksum=True), "does not compute what nnpg"),
        "script": (text.replace("const module_engine", "const  module_engine"), "has not started"),
        "cut off": (text[: len(text) // 2], "has not started"),
    }
    for name, (changed, words) in pages.items():
        path = tmp_path / f"{name}.html"
        path.write_text(changed, encoding="utf-8")
        with contextlib.closing(chromium.new_page()) as page:
            page.goto(path.as_uri())
            page.wait_for_selector("#banner", state="visible")
            assert words in page.inner_text("#banner"), name
            assert not page.is_visible("main"), name
            assert (
                page.evaluate("getComputedStyle(document.getElementById('banner')).backgroundColor")
                == "rgb(179, 21, 27)"
            )
    with pytest.raises(ModelFileError, match="damaged"):
        read_page(tmp_path / "checksum.html")


@pytest.mark.parametrize("name", NETS)
def test_it_fits_a_lecture_hall_s_screen_and_a_phone(name: str, open_page: Any) -> None:
    page = open_page(name)
    page.evaluate("location.hash = 'tour=1'")
    sizes = "[document.documentElement.scrollWidth - innerWidth, document.documentElement.scrollHeight - innerHeight]"
    columns = "[...document.querySelectorAll('.column')].map(column => column.scrollHeight - column.clientHeight)"
    for tour in (1, 0):
        page.evaluate(f"location.hash = 'tour={tour}'")
        assert page.evaluate(sizes) == [0, 0]
        assert max(page.evaluate(columns)) <= 1
    try:
        for width in (880, 560, 390):
            page.set_viewport_size({"width": width, "height": 844})
            assert page.evaluate(sizes)[0] == 0, width
            left = "[...document.querySelectorAll('.column')].map(column => column.getBoundingClientRect().left)"
            assert len(set(page.evaluate(left))) == 1, width
    finally:
        page.set_viewport_size({"width": 1280, "height": 800})


def test_what_was_clicked_is_in_the_url_and_undone_step_by_step(chromium: Any, written: Any) -> None:
    with contextlib.closing(chromium.new_page(viewport={"width": 1280, "height": 800})) as page:
        page.goto(written("odd").path.as_uri())
        page.wait_for_selector("body[data-state=drawn]")
        page.evaluate(READ)
        page.click("#tour-close")
        begun = page.evaluate("read()")
        steps = ("#map-1-2", "#forward-0", "#of-logprob", "#class-3", "#image-4", "#show-products", "#next-strongest")
        for selector in steps:
            page.click(selector)
        page.dblclick("#map-1-3")
        page.select_option("#target", "2")
        page.select_option("#along", "sign")
        page.locator("#size").fill("40")
        page.locator("#nudge").fill("-30")
        page.click("#tab-step")
        page.click("#take-step")
        page.wait_for_selector("#damage[data-done=true]", state="attached")
        shown = page.evaluate("read()")
        assert page.locator("#off button").count() == 2
        page.reload()
        page.wait_for_selector("#damage[data-done=true]", state="attached")
        page.evaluate(READ)
        reopened = page.evaluate("read()")
        assert {**reopened, "agreement": ""} == {**shown, "agreement": ""}
    with contextlib.closing(chromium.new_page(viewport={"width": 1280, "height": 800})) as page:
        page.goto(written("odd").path.as_uri())
        page.wait_for_selector("body[data-state=drawn]")
        page.evaluate(READ)
        for selector in ("#tour-close", *steps):
            page.click(selector)
        page.dblclick("#map-1-3")
        for _ in range(len(steps) + 2):  # a double click chooses the map, then knocks it out
            page.click("#undo")
        page.wait_for_selector("#damage[data-done=true]", state="attached")
        assert {**page.evaluate("read()"), "agreement": ""} == {**begun, "agreement": ""}


def test_the_keyboard_alone_does_it(chromium: Any, written: Any) -> None:
    with contextlib.closing(chromium.new_page()) as page:
        page.goto(written("odd").path.as_uri())
        page.wait_for_selector("body[data-state=drawn]")
        state = lambda: dict(pair.split("=") for pair in page.evaluate("location.hash.slice(1)").split("&") if pair)  # noqa: E731
        press = page.keyboard.press
        press("1")
        assert page.inner_text("#tour-answer")
        press("n")
        assert state()["tour"] == "2"
        press("t")
        assert not page.is_visible("#tour")
        reached = set()
        for _ in range(80):
            press("Tab")
            reached.add(page.evaluate("document.activeElement.id"))
        assert {"undo", "copy", "back", "address", "output-map", "delta-map"} <= reached
        assert {"size", "target", "least", "nudge", "tab-nudge"} <= reached
        assert any(name.startswith("image-") for name in reached)
        assert any(name.startswith("map-") for name in reached)
        page.focus("#image-2")
        press("ArrowRight")
        assert page.get_attribute("#image-3", "aria-checked") == "true"
        page.focus("#map-1-0")
        press("ArrowRight")
        press("Enter")
        press("x")
        assert state()["off"].startswith("relu1") or "%3A1" in state()["off"]
        press("u")
        assert "off" not in state()
        page.focus("#output-map")
        before = state()["unit"]
        press("ArrowDown")
        assert state()["unit"] != before
        page.fill("#address", "conv2.W:1,0,2,2")
        press("Enter")
        assert page.inner_text("#weight-name") == "conv2.W:1,0,2,2"
        page.fill("#address", "conv9:1")
        press("Enter")
        assert "No output or weight" in page.inner_text("#problem")
        page.focus("#address-form button")
        press("0")
        assert state() == {}


@pytest.mark.parametrize("name", NETS)
def test_the_copied_program_prints_what_the_page_shows(name: str, written: Any, open_page: Any) -> None:
    about, page = written(name), open_page(name)
    layer = next(layer for layer in reversed(about.net.names) if len(about.net.shapes[layer]) == 3)
    state = f"image=1&class=2&of=logprob&unit={layer}:1,0,1&off=conv1:1&steps=0:0.05&size=0.05&target=3"
    page.evaluate(f"location.hash = '{state}'")
    page.evaluate("() => new Promise(go => setTimeout(go, 0))")
    page.click("#copy")
    program = page.text_content("#program")
    shown = page.evaluate("read()")
    printed = io.StringIO()
    with contextlib.chdir(about.path.parent), contextlib.redirect_stdout(printed):
        exec(compile(program, "copied", "exec"), {})
    lines = printed.getvalue()
    assert shows(shown["o"], float(re.match(rf"{layer}:1,0,1 = (\S+)", lines)[1]), 1.0)  # type: ignore[index]
    assert shows(shown["derivative"], float(re.search(r"dL/do = (\S+)", lines)[1]), 1.0)  # type: ignore[index]
    assert shows(shown["rms"], float(re.search(r"RMS of the change (\S+)", lines)[1]))  # type: ignore[index]


def test_it_has_no_fault_that_axe_finds(chromium: Any, written: Any, axe: str) -> None:
    for scheme in ("light", "dark"):
        context = chromium.new_context(
            viewport={"width": 1280, "height": 800}, color_scheme=scheme, reduced_motion="reduce"
        )
        with contextlib.closing(context):
            page = context.new_page()
            page.goto(written("faces").path.as_uri())
            page.wait_for_selector("body[data-state=drawn]")
            page.evaluate(READ)
            page.evaluate(axe)
            hashes = [
                "tour=1",
                *(f"tour=0&tab={tab}&show=deltas&off=pool1:2" for tab in ("nudge", "weight", "step", "code")),
            ]
            for hash_ in hashes:
                page.evaluate("hash => readStates([hash])", hash_)
                found = page.evaluate(
                    "axe.run().then(result => result.violations.map(v => [v.id, v.nodes.map(n => n.html)]))"
                )
                assert found == [], (scheme, hash_)
