"""Every page of the built site in Chromium, without the network: nothing fails, all is drawn, and it fits a phone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 800}
# What is wrong with a page, in its own words. Too wide is what reaches past the window and stands in nothing that
# scrolls. Of the formulas: those that take no room or cannot be drawn, and commands of LaTeX in the text that is read.
WRONG = r"""
() => {
  const wrong = [];
  const width = document.documentElement.clientWidth;
  const look = (element) => {
    const box = element.getBoundingClientRect();
    if (box.width > 1 && box.right > width + 1) {
      wrong.push(`reaches to ${box.right} of ${width}: ${element.tagName} ${element.textContent.slice(0, 60)}`);
    } else if (!["auto", "scroll"].includes(getComputedStyle(element).overflowX)) {
      for (const child of element.children) look(child);
    }
  };
  look(document.querySelector("article") ?? document.body);
  if (document.documentElement.scrollWidth > width) wrong.push("scrolls sideways");
  for (const formula of document.querySelectorAll("math")) {
    const box = formula.getBoundingClientRect();
    if (!box.width || !box.height || formula.querySelector("merror")) wrong.push(`not drawn: ${formula.textContent}`);
  }
  for (const block of document.querySelectorAll("div.math, span.math")) {
    if (!block.querySelector("math")) wrong.push(`no formula in: ${block.textContent}`);
  }
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode;
    const raw = text.data.match(/\$\$|\\(frac|partial|sum|text|begin|end|left|right|delta|cdot|mathrm)\b/);
    if (raw && !text.parentElement.closest("pre, code, script, style")) {
      wrong.push(`raw LaTeX: ${text.data.trim().slice(0, 80)}`);
    }
    const option = text.data.match(/(^|\s)[–—]\w+/);
    if (option) wrong.push(`a dash in place of the -- of an option: ${option[0]}`);
  }
  for (const image of document.images) {
    if (image.complete && !image.naturalWidth) wrong.push(`no image: ${image.src}`);
  }
  return wrong;
}
"""


class Watched:
    """A tab that may ask this machine only, and what went wrong in it."""

    def __init__(self, context: Any, served: str) -> None:
        self.problems: list[str] = []
        self.served = served
        self.tab = context.new_page()
        self.tab.route("**/*", self._answer)
        self.tab.on("requestfailed", lambda request: self.problems.append(f"failed: {request.url}"))
        self.tab.on("response", self._response)
        self.tab.on("console", self._console)
        self.tab.on("pageerror", lambda error: self.problems.append(f"error: {error}"))

    def _answer(self, route: Any) -> None:
        if route.request.url.startswith((self.served, "data:", "blob:")):
            route.continue_()
        else:
            self.problems.append(f"asks the network: {route.request.url}")
            route.abort()

    def _response(self, response: Any) -> None:
        if response.status >= 400:
            self.problems.append(f"{response.status}: {response.url}")

    def _console(self, message: Any) -> None:
        if message.type == "error":
            self.problems.append(f"{message.type}: {message.text}")

    def taken(self) -> list[str]:
        """Return what went wrong since the last call."""
        problems, self.problems = self.problems, []
        return problems


@pytest.fixture(scope="module")
def watched(chromium: Any, served: str) -> Iterator[Watched]:
    """One tab, as wide as a phone."""
    with contextlib.closing(chromium.new_context(viewport=PHONE)) as context:
        yield Watched(context, served)


@pytest.mark.timeout(400)
def test_every_page_is_shown_whole_without_the_network(watched: Watched, served: str, pages: list[str]) -> None:
    wrong = {}
    assert len(pages) > 100
    for page in pages:
        watched.tab.goto(f"{served}/{page}", wait_until="load")
        found = watched.tab.evaluate(WRONG) + watched.taken()
        if found:
            wrong[page] = found[:5]
    assert wrong == {}


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ("() => { document.querySelector('h1').textContent = 'a \\\\frac{1}{2}' }", "raw LaTeX"),
        ("() => { document.querySelector('h1').textContent = 'run it \u2013scale paper' }", "a dash in place"),
        ("() => { document.querySelector('math').style.display = 'none' }", "not drawn"),
        ("() => { document.querySelector('div.math').textContent = 'no' }", "no formula in"),
        ("() => { document.querySelector('article p').style.width = '999px' }", "reaches to"),
    ],
)
def test_what_is_wrong_with_a_page_is_seen(watched: Watched, served: str, damage: str, named: str) -> None:
    watched.tab.goto(f"{served}/index.html")
    assert watched.tab.evaluate(WRONG) == []
    watched.tab.evaluate(damage)
    assert [text[: len(named)] for text in watched.tab.evaluate(WRONG)] == [named]


@pytest.mark.parametrize(
    ("searched", "page"),
    [("prediction_gradient", "reference/themes/gradients.html"), ("dendrites", None), ("stride", "tutorials/")],
)
def test_the_search_finds_a_name_and_a_word(watched: Watched, served: str, searched: str, page: str | None) -> None:
    watched.tab.goto(f"{served}/search.html?q={searched}")
    watched.tab.wait_for_function(
        "() => document.querySelector('.search-summary')?.textContent.match(/finished|found|did not/)"
    )
    watched.tab.wait_for_load_state("networkidle")  # each result's text is fetched; the next test would end that
    links = watched.tab.eval_on_selector_all("ul.search a", "links => links.map(link => link.getAttribute('href'))")
    assert watched.taken() == []
    if page is None:
        assert links == []
    else:
        assert any(page in link for link in links), links


def test_a_printed_line_stands_on_one_line(watched: Watched, served: str) -> None:
    watched.tab.goto(f"{served}/tutorials/04_is_my_gradient_right.html")
    printed = watched.tab.eval_on_selector_all("div.cell_output pre", "blocks => blocks.map(block => block.innerText)")
    assert [text.strip() for text in printed if "softplus of 800" in text] == ["softplus of 800: inf"]


LINES_OF_WORDS = r"""
words => words.map(word => {
  const range = document.createRange();
  range.selectNodeContents(word);
  return [word.textContent, new Set([...range.getClientRects()].map(box => Math.round(box.top))).size];
})
"""


def test_a_word_of_code_is_broken_on_a_phone_only_if_it_is_long(watched: Watched, served: str) -> None:
    words = []
    for page in ("cuda-resources", "howto/glossary", "kernels/README", "lecture", "howto/gradcheck"):
        watched.tab.goto(f"{served}/{page}.html")
        words += watched.tab.eval_on_selector_all("article code:not(.long) .pre", LINES_OF_WORDS)
    assert "--all" in [text for text, _ in words]
    assert "conv_gradient_direct<float>" in [text for text, _ in words]
    assert {text for text, lines in words if lines > 1} == set()


def test_a_link_to_a_line_marks_it(watched: Watched, served: str) -> None:
    watched.tab.goto(f"{served}/index.html")
    link = watched.tab.locator("a.line-of-code").first
    text = link.locator("code").inner_text()
    link.click()
    marked = watched.tab.locator(".source-page span:target")
    assert marked.inner_text().strip() == text
    assert marked.evaluate("e => getComputedStyle(e).backgroundColor") != "rgba(0, 0, 0, 0)"
