"""The page: one well-formed file that holds everything, escapes everything, loads nothing and runs nothing."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from nnpg import Epoch
from nnpg.plots import training_history
from nnpg.report import Image, Section, Table, write_page

NASTY = """<script>alert("1 < 2 & 'x'")</script>"""
VOID = {"meta", "link", "img"}


class Reader(HTMLParser):
    """Check that every tag is closed in order, and keep the tags, their attributes and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[tuple[str, str]] = []  # (innermost tag, text)
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.words.append((self.open[-1], data))

    def said(self, tag: str) -> list[str]:
        return [text for inside, text in self.words if inside == tag]

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def read(path: Path) -> Reader:
    return Reader(path.read_text(encoding="utf-8"))


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "history.png"
    training_history([Epoch(1, 2.0, 0.9, None, 0.1)], path)
    return path


def test_a_page_holds_all_its_parts_in_order(tmp_path: Path, picture: Path) -> None:
    table = Table(("filter", "score"), [("pool1[4]", 0.25), ("pool3[1]", 0.01)], "The filters")
    sections = [
        Section(
            "First", "One.\nStill one.\n\nTwo.", [Image(picture, "a falling line", "The loss")], [table], "$ nnpg demo"
        ),
        Section("Second"),
    ]
    path = write_page(tmp_path / "page.html", "The page", sections, lead="What it is.")
    page = read(path)
    assert path == tmp_path / "page.html"
    assert page.tags[0] == ("html", {"lang": "en"})
    assert page.said("title") == page.said("h1") == ["The page"]
    assert page.said("h2") == ["First", "Second"]
    assert page.said("p") == ["What it is.", "One.\nStill one.", "Two."]
    assert page.said("figcaption") == ["The loss"]
    assert page.said("caption") == ["The filters"]
    assert page.said("code") == ["$ nnpg demo"]
    order = [tag for tag, _ in page.tags if tag in ("h1", "h2", "img", "table", "pre")]
    assert order == ["h1", "h2", "img", "table", "pre", "h2"]


def test_a_complete_page_ends_with_the_end_of_a_line(tmp_path: Path) -> None:
    """Half a page is found by its end: see the search for interrupts."""
    path = write_page(tmp_path / "page.html", "Faces", [])
    assert path.read_bytes().endswith(b"</html>\n")


def test_everything_is_escaped(tmp_path: Path, picture: Path) -> None:
    table = Table((NASTY, "b"), [(NASTY, NASTY)], NASTY)
    section = Section(NASTY, NASTY, [Image(picture, NASTY, NASTY)], [table], NASTY)
    page = read(write_page(tmp_path / "a.html", NASTY, [section], lead=NASTY))
    assert not page.attributes("script")
    for tag in ("title", "h1", "h2", "figcaption", "caption", "code", "td"):
        assert page.said(tag) == [NASTY]
    assert page.said("p") == [NASTY] * 2
    assert page.said("th").count(NASTY) == 2
    assert page.attributes("img")[0]["alt"] == NASTY


def test_pictures_are_inside_the_file(tmp_path: Path, picture: Path) -> None:
    vector = tmp_path / "history.svg"
    training_history([Epoch(1, 2.0, 0.9, None, 0.1)], vector)
    path = write_page(tmp_path / "a.html", "t", [Section("s", figures=[Image(picture, "a"), Image(vector, "b")])])
    first, second = read(path).attributes("img")
    for image, kind, source in ((first, "image/png", picture), (second, "image/svg+xml", vector)):
        head, data = str(image["src"]).split(",")
        assert head == f"data:{kind};base64"
        assert base64.b64decode(data) == source.read_bytes()


def test_a_figure_is_shown_at_its_size_in_inches(tmp_path: Path, picture: Path) -> None:
    (image,) = read(write_page(tmp_path / "a.html", "t", [Section("s", figures=[Image(picture, "a")])])).attributes(
        "img"
    )
    assert float(str(image["width"])) == pytest.approx(3.5 * 96 * 1.4, abs=1)
    assert float(str(image["height"])) == pytest.approx(3.1 * 96 * 1.4, abs=1)


def test_a_page_loads_nothing_and_runs_no_script(tmp_path: Path, picture: Path) -> None:
    path = write_page(tmp_path / "a.html", "t", [Section("s", "x", [Image(picture, "a")])])
    page = read(path)
    assert not re.search(r"https?:|url\(|@import|\son\w+=", path.read_text(encoding="utf-8").split("base64,")[0])
    assert not {tag for tag, _ in page.tags} & {"script", "iframe", "object", "embed", "base", "form"}
    (policy,) = [
        meta["content"] for meta in page.attributes("meta") if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    assert str(policy).startswith("default-src 'none'")
    assert all(str(image["src"]).startswith("data:") for image in page.attributes("img"))
    assert "prefers-color-scheme: dark" in page.said("style")[0]


def cells(rows: list[tuple], header: tuple[str, ...], tmp_path: Path) -> tuple[list[str], list[bool]]:
    """The text of the body's cells, and which columns are set flush right."""
    text = write_page(tmp_path / "t.html", "t", [Section("s", tables=[Table(header, rows)])]).read_text(
        encoding="utf-8"
    )
    head, body = text.split("<tbody>")
    right = [cell == ' class="n"' for cell in re.findall(r'<th scope="col"([^>]*)>', head)]
    return re.findall(r"<t[dh][^>]*>([^<]*)</t[dh]>", body), right


def test_numbers_are_set_flush_right_with_the_same_decimals(tmp_path: Path) -> None:
    rows = [
        ("pool1", 5, 0.25153, np.float32(12.0), np.int64(3), "4.9%", "2/41", "-"),
        ("pool3", 10, 0.00202, np.float32(7.25), np.int64(14), "10%", "-", None),
    ]
    said, right = cells(rows, tuple("abcdefgh"), tmp_path)
    assert said == [
        *("pool1", "5", "0.2515", "12.00", "3", "4.9%", "2/41", "-"),
        *("pool3", "10", "0.0020", "7.25", "14", "10%", "-", ""),
    ]
    assert right == [False, True, True, True, True, True, True, False]


def test_a_column_with_words_is_not_numeric(tmp_path: Path) -> None:
    said, right = cells([("a", 1.5, True), ("b", "many", False)], ("x", "y", "z"), tmp_path)
    assert (said, right) == (["a", "1.500", "True", "b", "many", "False"], [False, False, False])


def test_missing_numbers_leave_a_column_numeric(tmp_path: Path) -> None:
    said, right = cells([(1, float("nan")), (2, float("inf")), (3, 0.0), (4, -1.5)], ("n", "x"), tmp_path)
    assert right == [True, True]
    assert said[1::2] == ["nan", "inf", "0.000", "-1.500"]


def test_tiny_numbers_do_not_become_zeros(tmp_path: Path) -> None:
    said, right = cells([(1, 2.5e-13), (2, -1e-30)], ("n", "x"), tmp_path)
    assert right == [True, True]
    assert said[1::2] == ["2.500e-13", "-1.000e-30"]


def test_the_first_column_names_the_rows_unless_it_is_numbers(tmp_path: Path) -> None:
    tables = [Table(("name", "n"), [("a", 1)]), Table(("n", "m"), [(1, 2)]), Table(("empty",), [])]
    page = read(write_page(tmp_path / "a.html", "t", [Section("s", tables=tables)]))
    assert [cell.get("scope") for cell in page.attributes("th")] == ["col", "col", "row", "col", "col", "col"]


def test_the_same_page_is_the_same_file(tmp_path: Path, picture: Path) -> None:
    sections = [Section("s", "x", [Image(picture, "a")], [Table(("a",), [(0.1,)])])]
    first, second = (write_page(tmp_path / name, "t", sections) for name in ("a.html", "b.html"))
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    ("section", "kind", "message"),
    [
        (Section("s", tables=[Table(("a", "b"), [(1, 2), (1,)])]), ValueError, "row 1 has 1 cells, the header 2"),
        (Section("s", figures=[Image("missing.png", "a")]), FileNotFoundError, r"missing\.png.*draw it first"),
        (Section("s", figures=[Image("figure.pdf", "a")]), ValueError, r"figure\.pdf.*cannot be shown in a page"),
        (Section("s", figures=[Image("figure.png", " ")]), ValueError, r"figure\.png.*no alt text"),
    ],
)
def test_errors_say_what_is_wrong_and_keep_the_old_page(
    section: Section, kind: type, message: str, tmp_path: Path
) -> None:
    path = write_page(tmp_path / "a.html", "old", [])
    before = path.read_bytes()
    with pytest.raises(kind, match=message):
        write_page(path, "new", [section])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_not_a_png_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"GIF89a")
    with pytest.raises(ValueError, match=r"'a\.png' is named \.png but is no such file"):
        write_page(tmp_path / "a.html", "t", [Section("s", figures=[Image(tmp_path / "a.png", "a")])])


def test_a_page_needs_a_folder_and_the_suffix_html(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.html, not as 'a\.pdf'"):
        write_page(tmp_path / "a.pdf", "t", [])
    with pytest.raises(FileNotFoundError, match=r"nowhere.*make it first"):
        write_page(tmp_path / "nowhere" / "a.html", "t", [])


def test_a_failed_write_leaves_the_old_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_page(tmp_path / "a.html", "old", [])
    before = path.read_bytes()

    def full_disk(self: Path, target: Path) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", full_disk)
    with pytest.raises(OSError, match="no space"):
        write_page(path, "new", [])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
