"""`python -m nnpg_docs.lecture_pages PAGES BESIDE`: the lecture as pages of the site.

PAGES gets steps.md, for Sphinx, and drawings/, as SVG. BESIDE gets what the site has beside the pages of Sphinx: the
handout, the network, and drawings/, as PDF.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from nnpg.files import save
from nnpg.lecture import Link, Step, Subject, lecture_steps, lecture_subject
from nnpg.lecture.drawings import draw_lecture
from nnpg.lecture.steps import MODEL, WORDS_A_MINUTE
from nnpg.lecture.writing import DRAWN, HANDOUT, write_handout

EXPLORER = "../explorer.html"  # of the site, which has the same network and images
LINES = (  # of each step, what computes it
    "nnpg.network.Network.forward_unchecked: self.layers[name].forward",
    "nnpg_kernels.definition.conv_forward: y[n, f, h, w] +=",
    "nnpg.network.Network.backward: delta = self._before(trace, name, delta, deltas)",
    "nnpg.layers.activation.Softmax.backward: return y * (delta",
    "nnpg.layers.linear.Dense.backward: return delta @ self.W",
    "nnpg_kernels.definition.max_pool_delta: dx[..., n, f, row, column] +=",
    "nnpg_kernels.definition.conv_delta: += W[f, c, i, j] * delta[",
    "nnpg.explanation.nudging._nudge: slope = extrapolated(h)",
    "nnpg_kernels.definition.conv_gradient: += delta[",
    "nnpg.class_gradients.class_gradient_by_layers: class_means(delta",
    "nnpg.knockout.curves.outputs_by_layers: changed, _ = change.forward",
    "nnpg.attacks.least_distortion.definition.least_distorted: best, succeeds =",
)


def write_lecture_pages(subject: Subject, pages: Path, beside: Path) -> None:
    """Write all of it into two folders, which are made; each drawing is drawn once."""
    (pages / DRAWN).mkdir(parents=True)
    (beside / DRAWN).mkdir(parents=True)
    draw_lecture(subject, pages / DRAWN, progress=False)
    write_handout(subject, pages).rename(beside / HANDOUT)
    save(subject.net, beside / MODEL)
    for file in (pages / DRAWN).glob("*.pdf"):
        file.rename(beside / DRAWN / file.name)
    (pages / "steps.md").write_text(page_of_steps(subject), encoding="utf-8")


def page_of_steps(subject: Subject) -> str:
    """Return the page of the twelve steps, as Markdown."""
    steps = lecture_steps(subject)
    introduction = INTRODUCTION.format(
        minutes=sum(step.minutes for step in steps),
        spoken=round(sum(step.spoken for step in steps)),
        pace=WORDS_A_MINUTE,
        epochs=subject.epochs,
    )
    parts, minutes = [introduction], 0
    for number, (step, line) in enumerate(zip(steps, LINES, strict=True), start=1):
        parts.append(_section(number, step, minutes, line))
        minutes += step.minutes
    return "\n\n".join(parts) + "\n"


INTRODUCTION = f"""# The twelve steps

{{minutes}} minutes, with the numbers of one network for faces. `nnpg lecture` trains it for {{epochs}} epochs and
computes each number from it. Each step has what to say, what to show and to point at, what to ask, and the wrong
answers to expect. {{spoken}} of the minutes are spoken, at {{pace}} words a minute; the others are for guesses, for
looking, and for questions.

Before the lecture: open <a href="{EXPLORER}">the explorer</a> once in the browser that will be projected, and
run each command once, because the first one compiles. The commands run where
<a href="{MODEL}" download>{MODEL}</a> is. `nnpg lecture --to lecture` writes it too,
and all of this for a machine without the internet. <a href="{HANDOUT}">The handout</a> is two pages to print."""


def _section(number: int, step: Step, minutes: int, line: str) -> str:
    drawings = [_drawing(link) for link in step.show if link.kind == "drawing"]
    others = [f"- {_shown(link)}" for link in step.show if link.kind != "drawing"]
    wrong = [f"- “{_text(answer)}.” {_text(reply)}" for answer, reply in step.wrong]
    parts = [
        f"## {number}. {_text(step.title)}",
        f"{minutes}' to {minutes + step.minutes}'",
        f"**Say.** {_text(step.say)}",
        "**Show.**" if others else "",
        "\n".join(others),
        *drawings,
        f"**Point at.** {_text(step.point)}",
        f"Its line of code: {{line}}`{line}`",
        f"**Ask.** {_text(step.ask)} *{_text(step.answer)}*",
        "**Likely wrong answers.**",
        "\n".join(wrong),
    ]
    return "\n\n".join(filter(None, parts))


def _shown(link: Link) -> str:
    if link.kind == "command":
        return f"{_text(link.words)}: `{link.target}`"
    address = f"{EXPLORER}#{link.target}".replace("&", "&amp;")
    return f'<a class="state" href="{address}">{_text(link.words)}</a>, in the explorer'


def _drawing(link: Link) -> str:
    words = _text(link.words)
    caption = f'{words[0].upper()}{words[1:]} (<a href="{DRAWN}/{link.target}.pdf">PDF</a>)'
    return f"```{{figure}} {DRAWN}/{link.target}.svg\n:alt: {link.words}\n:class: drawing\n\n{caption}\n```"


def _text(text: str) -> str:
    """Return a text as Markdown that shows it as it is."""
    return re.sub(r"([\\`*_\[\]<>$])", r"\\\1", text)


if __name__ == "__main__":
    write_lecture_pages(lecture_subject(progress=False), *map(Path, sys.argv[1:]))
