"""The guided tour: what it asks, and that its answers are the numbers of nnpg."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import pytest
from explorer.pages import Written, shows

import nnpg

pytestmark = pytest.mark.browser

NUMBER = r"(−?\d+(?:\.\d+)?(?:e[−+]\d+)?)"


class Step:
    """A step of the tour on the page: the state that it sets, its question and its answer."""

    def __init__(self, page: Any, about: Written) -> None:
        self.page, self.about = page, about
        self.title = re.sub(r"^\d+ of \d+\s*", "", page.inner_text("#tour h2")).strip()
        self.choices = page.locator("#tour .choices button").all_inner_texts()
        self.image = int(page.evaluate("document.querySelector('#images [aria-checked=true]').id.split('-')[1]"))
        self.unit = page.input_value("#address")
        self.weight = self.unit if ".W:" in self.unit else None
        self.c = int(page.evaluate("document.querySelector('#bars [aria-checked=true]').id.split('-')[1]"))
        self.x = about.x[self.image : self.image + 1]
        self.y = nnpg.predict(about.net, self.x)[0]

    def guess(self, n: int) -> str:
        """Answer the question; return what the page then says."""
        self.page.click(f"#guess-{n}")
        return self.page.inner_text("#tour-answer")

    def explained(self, unit: str | None = None, **more: Any) -> nnpg.Explanation:
        return nnpg.explain(self.about.net, self.x, unit=unit or self.unit, classes=self.c, progress=False, **more)

    def right(self) -> int:
        """Return the choice that is right by what nnpg computes."""
        return getattr(self, "_" + re.sub(r"\W+", "_", self.title.lower()).strip("_"))()

    def _forward(self) -> int:
        return self.choices.index(self.about.class_names[self.y.argmax()])

    def _the_seed(self) -> int:
        return self.choices.index("1")

    def _softmax_back(self) -> int:
        other = int(self.unit.split(":")[1])
        assert self.explained().derivative == pytest.approx(-self.y[self.c] * self.y[other], rel=1e-6)
        return self.choices.index("It falls")

    def _one_dense_delta(self) -> int:
        e = self.explained()
        assert e.derivative == pytest.approx((e.readers.values * e.readers.slopes).sum())
        return 2

    def _the_pool_routes(self) -> int:
        assert self.explained().derivative == 0
        return self.choices.index("Nothing")

    def _one_convolution_delta(self) -> int:
        return self.choices.index(str(len(self.explained().readers.index)))

    def _the_third_factor(self) -> int:
        return 1

    def _knock_it_out(self) -> int:
        before, after = self.y[self.c], self.knocked_out()[self.c]
        return 2 if after >= before else 0 if after < before / 2 else 1

    def _fool_it(self) -> int:
        least = self.least()
        if least is None:
            return self.choices.index("no change does it")
        return int(np.argmin([abs(np.log(least / float(choice.split()[-1]))) for choice in self.choices]))

    def strongest(self) -> nnpg.Filter:
        """Return the filter that is strongest for the class, by the images of the page."""
        net, about = self.about.net, self.about
        return nnpg.filter_scores(net, about.x, about.labels).strongest(self.c, 1)[0]

    def knocked_out(self) -> np.ndarray:
        return nnpg.predict(nnpg.knock_out(self.about.net, [self.strongest()]), self.x)[0]

    def changed(self, size: float) -> bool:
        """Return whether the network answers the target after a change of this size along the slope of its log y."""
        target = int(self.page.input_value("#target"))
        slope = nnpg.prediction_gradient(self.about.net, self.x, classes=target, of="logprob", layers="input")
        r = np.asarray(slope.deltas["input"], float).reshape(self.x.shape)
        changed = np.clip(self.x + size * r / np.sqrt((r**2).mean()), 0, 1)
        return int(nnpg.predict(self.about.net, changed)[0].argmax()) == target

    def least(self) -> float | None:
        """Return the smallest size that changes the answer, to a thousandth; None where none does."""
        sizes = np.geomspace(1e-3, 0.5, 40)
        first = next((n for n, size in enumerate(sizes) if self.changed(size)), None)
        if first is None:
            return None
        low, high = sizes[first - 1], sizes[first]
        while high / low > 1.0005:
            middle = (low + high) / 2
            low, high = (low, middle) if self.changed(middle) else (middle, high)
        return float(high)

    def check(self, words: str) -> None:
        """Compare the numbers of the answer with those of nnpg."""
        numbers = re.findall(NUMBER, words)
        title = self.title
        if title == "Forward":
            assert shows(numbers[-1], self.y.max())
        elif title == "Softmax, back":
            assert shows(numbers[-1], self.explained().derivative)
        elif title in ("One dense delta", "One convolution delta"):
            e = self.explained()
            assert str(len(e.readers.index)) in numbers
            assert any(shows(number, e.derivative) for number in numbers)
        elif title == "The third factor":
            e = nnpg.explain(self.about.net, self.x, weight=self.weight, classes=self.c, progress=False)
            assert shows(numbers[-1], e.derivative, abs(e.readers.products).sum())
        elif title == "Knock it out":
            after = self.knocked_out()
            before, then = re.search(rf"From {NUMBER} to {NUMBER};", words).groups()
            assert shows(before, self.y[self.c])
            assert shows(then, after[self.c])
            assert self.about.class_names[after.argmax()] in words
            assert self.page.inner_text("#off") == str(self.strongest())
        elif title == "Fool it" and "no change does it" not in self.choices:
            least = float(numbers[-1])
            assert self.changed(least * 1.002)
            assert not self.changed(least * 0.998)
            assert self.page.inner_text("#fooled-answer").split()[0] == self.page.evaluate(
                "document.querySelector('#target').selectedOptions[0].textContent"
            )


@pytest.mark.parametrize(("name", "titles"), [("faces", 9), ("odd", 8)])
def test_every_step_asks_and_answers_with_the_numbers_of_nnpg(
    name: str, titles: int, chromium: Any, written: Any
) -> None:
    about = written(name)
    page = chromium.new_page(viewport={"width": 1280, "height": 800})
    page.goto(about.path.as_uri())
    page.wait_for_selector("body[data-state=drawn]")
    seen = []
    for n in range(titles):
        step = Step(page, about)
        assert page.inner_text("#tour .number") == f"{n + 1} of {titles}"
        hidden = page.locator("[data-veiled]")
        assert hidden.count() > 0
        assert hidden.locator("> *").first.is_hidden()
        right = step.right()
        wrong = (right + 1) % len(step.choices)
        said = step.guess(wrong)
        assert said.startswith("Not quite: " + step.choices[right])
        assert not said.removeprefix("Not quite: " + step.choices[right] + ". ").startswith(step.choices[right])
        page.keyboard.press("u")
        words = step.guess(right)
        assert words.startswith("Right.")
        step.check(words)
        assert page.locator("[data-veiled]").count() == 0
        seen.append(step.title)
        page.click("#tour-next")
    assert len(set(seen)) == titles
    assert not page.is_visible("#tour")
    assert parse_qs(page.evaluate("location.hash.slice(1)")) == {}
    page.close()
