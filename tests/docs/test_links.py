"""Every link from one page of the built site to another leads to a page and an anchor that are there."""

from __future__ import annotations

from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

pytestmark = pytest.mark.browser


class Anchors(HTMLParser):
    """The anchors of a page, and where its links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note them."""
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.ids.add(value)
            elif name == "href" and tag == "a" and value:
                self.links.append(value)


@cache
def anchors(file: Path) -> Anchors:
    return Anchors(file.read_text(encoding="utf-8"))


def test_the_demo_links_what_to_read_next(site: Path) -> None:
    page = (site / "demo" / "index.html").read_text(encoding="utf-8")
    assert "data-page" not in page
    linked = {link for link in anchors(site / "demo" / "index.html").links if link.startswith("../")}
    assert {"../tutorials.html", "../exercises.html", "../worked_example.html", "../results.html"} <= linked


def test_the_demo_and_the_gallery_lead_back_to_the_site(site: Path) -> None:
    assert "../index.html" in anchors(site / "demo" / "index.html").links
    assert "index.html" in anchors(site / "gallery.html").links


def test_every_link_leads_somewhere(site: Path, pages: list[str]) -> None:
    lost = []
    for page in pages:
        for link in anchors(site / page).links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (site / page).parent / unquote(parts.path) if parts.path else site / page
            names_state = target.name == "explorer.html"  # which draws what the anchor says
            has_anchor = target.suffix == ".html" and bool(parts.fragment) and not names_state
            if not target.exists() or (has_anchor and unquote(parts.fragment) not in anchors(target.resolve()).ids):
                lost.append(f"{page}: {link}")
    assert lost == []
