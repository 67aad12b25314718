"""The lecture: its numbers, its folder, the states of the explorer that it links, and the two pages of its handout."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import numpy as np
import pytest
from explorer.pages import READ, shows

from nnpg.lecture import Subject, lecture_steps, lecture_subject
from nnpg.lecture.drawings import fooled
from nnpg.lecture.writing import write_lecture

EPOCHS = 12


@pytest.fixture(scope="module")
def subject() -> Subject:
    return lecture_subject(EPOCHS, progress=False)


@pytest.fixture(scope="module")
def folder(subject: Subject, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lecture(subject, tmp_path_factory.mktemp("lecture"), attack=False, progress=False).parent


def states(subject: Subject) -> list[str]:
    return [link.target for step in lecture_steps(subject) for link in step.show if link.kind == "state"]


def test_twelve_steps_take_45_minutes_and_each_has_what_a_teacher_needs(subject: Subject) -> None:
    steps = lecture_steps(subject)
    assert (len(steps), sum(step.minutes for step in steps)) == (12, 45)
    for step in steps:
        assert all([step.say, step.show, step.point, step.ask, step.answer, len(step.wrong) >= 2])
        assert 0.2 < step.spoken / step.minutes < 0.5, f"{step.title}: the rest is for guesses, looking and questions"
    assert [parse_qs(s, keep_blank_values=True)["tour"] for s in states(subject)].count(["0"]) == 3


def test_the_image_is_answered_rightly_and_every_number_is_one_of_its_network(subject: Subject) -> None:
    y = subject.net.forward(subject.x).y[0]
    assert y.argmax() == subject.label
    first, *_, last = lecture_steps(subject)
    assert f"{y[subject.label]:.4g}" in first.answer
    softmax = next(step for step in lecture_steps(subject) if step.title.startswith("Softmax"))
    slope = -y[subject.label] * y[subject.runner_up]
    assert shows(re.findall(r"\N{MINUS SIGN}[\d.e-]+", softmax.say)[-1].rstrip("."), slope, size=1e6)
    assert subject.data.class_names[subject.runner_up] in last.say


def test_everything_that_the_notes_name_is_in_the_folder(folder: Path) -> None:
    for page in ("lecture.html", "handout.html"):
        text = (folder / page).read_text(encoding="utf-8")
        for target in re.findall(r'<a [^>]*href="([^"#]+)', text):
            assert (folder / target).is_file(), target
    drawings = sorted(path.name for path in (folder / "drawings").iterdir())
    assert len(drawings) == 22
    assert {Path(name).suffix for name in drawings} == {".svg", ".pdf"}


def test_a_change_on_an_image_is_as_large_as_the_lecture_says(subject: Subject) -> None:
    changed = fooled(subject)
    rms = float(np.sqrt(((changed - subject.x) ** 2).mean()))
    assert f"{rms:.4g}" in lecture_steps(subject)[-1].answer
    assert subject.net.forward(changed).y.argmax() == subject.runner_up


@pytest.mark.browser
def test_each_link_opens_its_state(chromium: Any, folder: Path, subject: Subject) -> None:
    with contextlib.closing(chromium.new_page(viewport={"width": 1280, "height": 800})) as page:
        page.goto((folder / "lecture.html").as_uri())
        links = page.eval_on_selector_all("a.state", "links => links.map(link => link.href)")
        assert [link.partition("#")[2] for link in links] == states(subject)
        page.goto(links[0])
        page.wait_for_selector("body[data-state]", state="attached")
        page.evaluate(READ)
        for link in links:
            shown = page.evaluate("hash => readStates([hash])", link.partition("#")[2])[0]
            asked = {key: unquote(value[0]) for key, value in parse_qs(link.partition("#")[2]).items()}
            name, index = asked["unit"].split(":")
            place = (0, *map(int, index.split(",")))
            hidden = int(asked["tour"]) > 0
            if "off" not in asked:
                assert shows(shown["o"], subject.trace[name][place], abs(subject.trace[name]).max()), link
            assert page.get_attribute("#tour", "hidden") is (None if hidden else ""), link
            if asked.get("weight"):
                assert f"the weight {asked['weight']}?" in page.inner_text("#tour"), link
            if hidden:
                assert page.inner_text("#tour .number").startswith(f"{asked['tour']} of "), link
            else:
                assert shown["derivative"] is not None, link


@pytest.mark.browser
def test_the_handout_prints_on_two_pages(chromium: Any, folder: Path) -> None:
    with contextlib.closing(chromium.new_page()) as page:
        page.goto((folder / "handout.html").as_uri())
        for options in ({"prefer_css_page_size": True}, {"format": "A4"}):
            assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(**options))) == 2
