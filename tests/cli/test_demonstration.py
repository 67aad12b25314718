"""`nnpg demo` at its smallest: its files, its page, its claims, its seed."""

from __future__ import annotations

import html
import re
from pathlib import Path
from urllib.parse import parse_qsl
from xml.etree import ElementTree

import pytest

import nnpg
from nnpg.data import faces
from nnpg.explorer import images_of_page

ROOT = Path(__file__).parents[2]
PICTURES = ("faces", "training", "maps", "passes", "network", "knockout", "damage", "places")


@pytest.fixture(scope="module")
def hurried(run, tmp_path_factory):
    out = tmp_path_factory.mktemp("demo") / "out"
    return out, run("demo", "--epochs", 1, "--out", out)


def test_it_writes_the_page_the_pictures_and_the_model(hurried) -> None:
    out, answer = hurried
    assert answer.code == 0, answer.err
    assert {path.name for path in out.iterdir()} == {
        "index.html",
        "faces.safetensors",
        "explorer.html",
        *(f"{name}.png" for name in PICTURES),
    }
    assert f"open {out / 'index.html'}" in answer.out
    assert re.search(r"\d+\.\d s\n$", answer.out)


def test_it_prints_both_ends_of_the_ranking_for_every_person(hurried) -> None:
    _, answer = hurried
    unit = r"pool\d\[\d\]"  # counted from 0, as one indexes
    for person, feature in zip(faces().class_names, faces().features, strict=True):
        assert re.search(rf"^{person} +{feature} +{unit}, {unit} +{unit}, {unit}$", answer.out, re.M)


def test_the_page_holds_every_picture_and_every_claim(hurried) -> None:
    out, _ = hurried
    page = (out / "index.html").read_text(encoding="utf-8")
    assert page.count("<img ") == len(PICTURES)
    assert len(re.findall(r"<td>(?:yes|no)</td>", page)) == 10
    assert 'src="http' not in page
    assert str(out) not in page, "the page may be moved with its folder"


def test_the_equations_of_the_page_are_mathematics(hurried) -> None:
    page = (hurried[0] / "index.html").read_text(encoding="utf-8")
    equations = re.findall(r'<span class="number">([^<]*)</span>\s*<math display="block">(.*?)</math>', page, re.DOTALL)
    assert [name for name, _ in equations] == ["Eq. 1", "Eq. 2", "Eq. 3", "score"]
    for name, equation in equations:
        ElementTree.fromstring(f"<math>{equation}</math>")  # well-formed
        letters = re.sub(r"\s", "", re.sub(r"<[^>]*>", "", equation))
        assert {"Eq. 1": "dydo=(dy1do,…,dy15do)", "Eq. 2": "dLdw="}.get(name, "") in letters
    assert "<script" not in page


def test_every_link_of_the_page_leads_somewhere(hurried) -> None:
    out, _ = hurried
    page = (out / "index.html").read_text(encoding="utf-8")
    places = re.findall(r'<h2 id="([^"]*)">(\d+)\. ([^<]*)</h2>', page)
    contents = re.findall(r'<li><a href="#([^"]*)">([^<]*)</a></li>', page)
    assert contents == [(name, title) for name, _, title in places]
    assert [int(number) for _, number, _ in places] == list(range(1, len(places) + 1))
    files = {link.partition("#")[0] for link in re.findall(r'href="([^"#][^"]*)"', page)} - {"data:,"}
    assert files == {"explorer.html", "faces.safetensors"}
    assert all((out / name).is_file() for name in files)


def test_what_to_read_next_has_a_command_or_a_file_and_a_page_of_the_site(hurried) -> None:
    page = (hurried[0] / "index.html").read_text(encoding="utf-8")
    (listed,) = re.findall(r'<ul class="next">(.*?)</ul>', page, re.DOTALL)
    items = re.findall(r'<li><span data-page="([^"]+)\.html">(?:[^<]|\n)*</span>(.*?)</li>', listed, re.DOTALL)
    assert len(items) == listed.count("<li>") == 5
    for page_of_site, rest in items:
        assert (ROOT / "docs" / f"{page_of_site}.md").is_file() or (ROOT / "nnpg" / f"{page_of_site}.md").is_file()
        files = re.findall(r"[\w/]+\.md", rest)
        assert all((ROOT / file).is_file() for file in files)
        assert files or "<code>nnpg " in rest


def test_the_page_opens_the_explorer_with_a_persons_strongest_filters_gone(hurried) -> None:
    out, _ = hurried
    (link,) = re.findall(r'href="explorer.html#(image=[^"]*)"', (out / "index.html").read_text(encoding="utf-8"))
    state = dict(parse_qsl(html.unescape(link)))
    data, net = faces(), nnpg.load_network(out / "faces.safetensors")
    scores = nnpg.filter_scores(net, data.x, data.labels, class_names=data.class_names, progress=False)
    assert state["off"] == ";".join(f"{layer}:{f}" for layer, f, _ in scores.strongest("face07", 5))
    assert data.class_names[int(state["class"])] == "face07"
    assert data.labels[images_of_page(net, data.x, data.labels)][int(state["image"])] == int(state["class"])


def test_the_deltas_of_the_page_are_those_of_its_image(hurried) -> None:
    out, _ = hurried
    page = (out / "index.html").read_text(encoding="utf-8")
    (name, condition, y), *_ = re.findall(
        r"one photograph: (\w+), (\w+), which gets a probability of\s([\d.]+)\.", page
    )
    data, net = faces(), nnpg.load_network(out / "faces.safetensors").to("numpy")
    image = next(n for n, c in enumerate(data.labels) if (data.class_names[c], data.conditions[n]) == (name, condition))
    c = data.labels[image]
    deltas = nnpg.prediction_gradient(net, data.x[image : image + 1], classes=c, layers=("tanh1", "input")).deltas
    assert f"{nnpg.predict(net, data.x[image : image + 1])[0, c]:.4f}" == y
    for layer, delta in deltas.items():
        row = rf"<th[^>]*>{layer}</th><td[^>]*>{delta.size:,}</td><td[^>]*>(\d+)%</td><td[^>]*>([^<]*)</td>"
        ((zeros, largest),) = re.findall(row, page)
        assert int(zeros) == round(100 * float((delta == 0).mean()))
        assert float(largest) == pytest.approx(abs(delta).max(), rel=0.05)


def test_after_one_epoch_the_demo_says_that_the_goal_is_not_reached(hurried) -> None:
    out, answer = hurried
    assert "NOT under 5%" in answer.out
    assert "NOT under 5%" in (out / "index.html").read_text(encoding="utf-8")


def test_the_saved_model_classifies_the_faces(hurried, run) -> None:
    out, answer = hurried
    asked = run("rank", out / "faces.safetensors", "--class", "face07", "--top", 2)
    assert asked.code == 0
    assert asked.err == ""
    strongest = re.search(r"^face07 .*?  +(pool\d\[\d+\]), ", answer.out, re.M)[1]
    assert asked.out.splitlines()[2].startswith(f"face07          {strongest} ")


@pytest.mark.slow
def test_the_same_seed_writes_the_same_bytes(hurried, run) -> None:
    out, _ = hurried
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    again = run("demo", "--epochs", 1, "--out", out, "--json")
    assert again.json["page"] == str(out / "index.html")
    assert [claim["holds"] in (True, False) for claim in again.json["claims"]] == [True] * 10
    for name, data in before.items():
        assert (out / name).read_bytes() == data, name


def test_after_ctrl_c_one_sentence_says_what_is_incomplete(run, tmp_path, monkeypatch) -> None:
    def stopped(*args, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr("nnpg.report.demo.findings.train", stopped)
    answer = run("demo", "--out", tmp_path / "out")
    assert answer.code == 130
    assert "not complete" in answer.err
