"""`nnpg demo` in a hurry: its files, its page, its honesty, its seed."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from nnpg.data import faces
from nnpg.demo.claims import claim_about_places, claims_about_knockouts
from nnpg.demo.findings import densities
from nnpg.knockout import Knockout
from nnpg.scores import Filter

PICTURES = ("faces", "training", "maps", "network", "knockout", "damage", "places")


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
        *(f"{name}.png" for name in PICTURES),
    }
    assert f"open {out / 'index.html'}" in answer.out
    assert re.search(r"\d+\.\d s\n$", answer.out)


def test_it_prints_both_ends_of_the_ranking_for_every_person(hurried) -> None:
    _, answer = hurried
    for person, feature in zip(faces().class_names, faces().features, strict=True):
        assert re.search(rf"^{person} +{feature} +pool\d \d+, pool\d \d+ +pool\d \d+, pool\d \d+$", answer.out, re.M)


def test_the_page_holds_every_picture_and_every_claim(hurried) -> None:
    out, _ = hurried
    page = (out / "index.html").read_text(encoding="utf-8")
    assert page.count("<img ") == len(PICTURES)
    assert len(re.findall(r"<td>(?:yes|no)</td>", page)) == 10
    for equation in ("Eq. 1", "Eq. 2", "Eq. 3"):
        assert equation in page
    assert 'src="http' not in page


def test_one_epoch_does_not_reach_the_goal_and_it_says_so(hurried) -> None:
    out, answer = hurried
    assert "NOT under 5%" in answer.out
    assert "NOT under 5%" in (out / "index.html").read_text(encoding="utf-8")


def test_the_model_knows_its_faces(hurried, run) -> None:
    out, answer = hurried
    asked = run("rank", out / "faces.safetensors", "--class", "face07", "--top", 2)
    assert asked.code == 0
    assert asked.err == ""
    strongest = re.search(r"^face07 .*?  +(pool\d \d+), ", answer.out, re.M)[1]
    assert asked.out.splitlines()[2].startswith(f"face07          {strongest} ")


def test_the_same_seed_writes_the_same_bytes(hurried, run) -> None:
    out, _ = hurried
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    again = run("demo", "--epochs", 1, "--out", out, "--json")
    assert again.json["page"] == str(out / "index.html")
    assert [claim["holds"] in (True, False) for claim in again.json["claims"]] == [True] * 10
    for name, data in before.items():
        assert (out / name).read_bytes() == data, name


def test_ctrl_c_is_answered_in_words(run, tmp_path, monkeypatch) -> None:
    def stopped(*args, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr("nnpg.demo.findings.train", stopped)
    answer = run("demo", "--out", tmp_path / "out")
    assert answer.code == 130
    assert "not complete" in answer.err


# The claims, on networks whose truth is known


def knockout(errors, K: int = 3, n: int = 10) -> Knockout:
    """A knock-out in which, after each step, that share of every class's n images is taken for the next class."""
    labels = np.repeat(np.arange(K), n)
    wrong = np.tile(np.arange(n), K)[None] < np.round(np.array(errors) * n)[:, None]
    return Knockout(
        tuple(Filter("pool1", f) for f in range(len(errors) - 1)), np.where(wrong, (labels + 1) % K, labels), labels, K
    )


SLOW, FAST = [0.0] * 11 + [1.0], [0.0, 0.4] + [1.0] * 10


@pytest.mark.parametrize(
    ("strongest", "weakest", "holds"),
    [
        (FAST, SLOW, [True, True, True, True, False]),
        (SLOW, FAST, [False, False, False, True, False]),
    ],
)
def test_claims_about_knockouts_follow_the_curves(strongest, weakest, holds) -> None:
    orders = {"strongest": strongest, "weakest": weakest}
    curves = {(c, order): knockout(errors) for c in (0, 2) for order, errors in orders.items()}
    claims = claims_about_knockouts(curves, [knockout(SLOW)], ("a", "b", "c"))
    assert [claim.holds for claim in claims] == holds


def test_the_claim_about_who_goes_first_looks_at_the_others() -> None:
    own, labels = knockout(FAST), np.repeat(np.arange(3), 10)
    predictions = own.predictions.copy()
    predictions[1:, labels == 1] = 0  # class 1 goes at the first step, class 0 at the second
    curves = {(0, "strongest"): replace(own, predictions=predictions), (0, "weakest"): knockout(SLOW)}
    claim = claims_about_knockouts(curves, [own], ("a", "b", "c"))[-1]
    assert claim.holds
    assert claim.found == "1 of the other 2 go earlier"


def test_a_gradient_in_the_right_places_is_found_and_one_in_the_wrong_places_is_not() -> None:
    data = faces()
    right = data.masks.astype(float)
    assert claim_about_places(densities(right, data)).holds
    assert not claim_about_places(densities(np.roll(right, 1, axis=0), data)).holds
    assert not claim_about_places(densities(np.ones_like(right), data)).holds
