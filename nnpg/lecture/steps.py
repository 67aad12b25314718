"""The twelve steps of the lecture: what to say, show and ask, and which wrong answers to expect."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from nnpg.lecture.drawings import fooled, knocked_out
from nnpg.lecture.pointing import POINTS
from nnpg.lecture.states import state
from nnpg.lecture.subject import Subject
from nnpg.support.arguments import as_instance

MODEL = "faces.safetensors"
WORDS_A_MINUTE = 130  # of a speaker who is understood


@dataclass(frozen=True)
class Link:
    """Something to show: a state of the explorer, a drawing, or a command.

    Parameters
    ----------
    kind : "state", "drawing" or "command"
    words : str
        What is seen there.
    target : str
        The text after # of the explorer's address, the drawing's name without suffix, or the command.
    """

    kind: Literal["state", "drawing", "command"]
    words: str
    target: str


@dataclass(frozen=True)
class Step:
    """One step of the lecture.

    Parameters
    ----------
    title : str
    minutes : int
    say : str
    show : tuple of Link
    ask, answer : str
    wrong : tuple of (str, str)
        Likely wrong answers, each with what to reply.
    point : str
        What to point at while it is shown, in this order.
    """

    title: str
    minutes: int
    say: str
    show: tuple[Link, ...]
    ask: str
    answer: str
    wrong: tuple[tuple[str, str], ...]
    point: str = ""

    @property
    def spoken(self) -> float:
        """Minutes that the words of the step take, with one wrong answer and its reply."""
        texts = (self.say, self.point, self.ask, self.answer, *self.wrong[0])
        return sum(len(text.split()) for text in texts) / WORDS_A_MINUTE


def lecture_steps(subject: Subject) -> tuple[Step, ...]:
    """Return the twelve steps, with the numbers of a subject.

    Parameters
    ----------
    subject : Subject

    Returns
    -------
    tuple of Step

    Examples
    --------
    >>> from nnpg.lecture import lecture_subject
    >>> steps = lecture_steps(lecture_subject(epochs=2, progress=False))
    >>> len(steps), sum(step.minutes for step in steps)
    (12, 45)
    """
    s = as_instance(subject, Subject, "subject")
    steps = (*_forward(s), *_backward(s), *_use(s))
    return tuple(replace(step, point=point) for step, point in zip(steps, POINTS, strict=True))


def _command(s: Subject, words: str) -> str:
    return f"nnpg explain {MODEL} --data faces --image {s.image} --class true {words}"


def _tour(s: Subject, number: int, words: str, unit: str, **changes: str | int) -> Link:
    return Link("state", words, state(s, unit, tour=number, **changes))


def _n(value: float) -> str:
    return f"{value:.4g}".replace("-", "\N{MINUS SIGN}")


def _forward(s: Subject) -> tuple[Step, ...]:
    y, logits, c = s.trace.y[0], s.net.names[-2], s.label
    first, last = s.strongest("conv1"), s.strongest("pool2")
    unit = s.explain(first)
    terms = 0 if unit.inputs is None else len(unit.inputs.index)
    rival = s.data.class_names[s.runner_up]
    return (
        Step(
            "A network is a chain",
            3,
            f"This network was shown {s.net.K} people and tells them apart. Each circle is a picture that one layer "
            "computes from the row above it. The last row is the answer, a number y for each person. Today we ask: on "
            "which of its parts does the answer depend? And how would we know?",
            (
                _tour(s, 1, "the whole network, and a question", last),
                Link("drawing", "the outputs of the three blocks", "01-outputs"),
            ),
            "Which person does it see?",
            f"{s.name}, with y = {_n(y[c])}.",
            (
                ("The brightest circle is the answer", "Bright means a large output. It may be multiplied by 0 later."),
                ("Nobody can know what is inside", "Every number inside can be read; the next step reads one."),
            ),
        ),
        Step(
            "One number forward",
            4,
            f"{first} is {_n(unit.value)}. It is a sum of {terms} products: the pixels of a patch, each times the "
            "weight at its place in the filter, and one constant. Every convolution is this sum, at every place.",
            (
                Link("state", "the unit, its patch and its sum", state(s, first)),
                Link("drawing", "the patch, the filter, the products", "02-forward"),
                Link("command", "the same at a terminal", _command(s, f"--unit {first} --top 5")),
            ),
            "If every pixel of the patch is doubled, does the number double?",
            "Not quite: the constant does not change, and the mean that is subtracted first does not either.",
            (
                ("Yes, it is linear", "It is linear and a constant: affine. Put in 0 and see what is left."),
                ("It depends on the tanh", "The tanh comes after this number. Here nothing is bent yet."),
            ),
        ),
        Step(
            "The seed",
            3,
            "Now backward. How would y change if a number inside were a little larger? That is its delta. It begins at "
            "y itself: 1 for the class that we ask about, 0 for the others. Nothing else is ever put in.",
            (_tour(s, 2, "the first delta", f"{s.net.names[-1]}:{c}"),),
            "What is dy/dy?",
            "1. And the derivative of this y by the y of another class is 0.",
            (
                (_n(y[c]), "That is y. How much does y grow if y grows by a little?"),
                ("0, it is the last number", "0 would say that changing y does not change y."),
            ),
        ),
        Step(
            "Softmax, back",
            4,
            f"Softmax turns the scores into numbers that add up to 1. So the score of {rival} has a delta too, "
            f"although we did not ask about {rival}. By the product rule it is \N{MINUS SIGN}y times the y of {rival}: "
            f"{_n(s.deltas[logits][0, s.runner_up])}.",
            (
                _tour(s, 3, f"the score of {rival}", f"{logits}:{s.runner_up}"),
                Link("drawing", "its two factors", "04-softmax"),
            ),
            f"The score of {rival} grows. What does y of {s.name} do?",
            f"It falls. What one class gains the others lose, so all {s.net.K} deltas add up to "
            f"{_n(abs(round(float(s.deltas[logits].sum()), 12)))}.",
            (
                ("Nothing: it is another class", "All classes share one sum. It is in every denominator."),
                ("It falls by as much", "The others share the loss, by how large they are."),
            ),
        ),
    )


def _backward(s: Subject) -> tuple[Step, ...]:
    dense, pool, convolved = s.strongest("tanh4"), s.strongest("pool3"), s.strongest("pool2")
    loser, weight = s.loser(), s.weight()
    of_dense, of_pool, of_map, of_weight = (
        *(s.explain(unit) for unit in (dense, pool, convolved)),
        s.explain(weight=weight),
    )
    counts = [0 if e.readers is None else len(e.readers.index) for e in (of_dense, of_map, of_weight)]
    nudge = of_map.nudge
    measured = 0.0 if nudge is None else nudge.slope
    return (
        Step(
            "One dense delta",
            4,
            f"{dense} is read by {counts[0]} units. Each of them has a delta already. Each sends back its delta times "
            f"the weight through which it reads, and the sum is {_n(of_dense.derivative or 0)}.",
            (_tour(s, 4, "a delta as a sum", dense), Link("drawing", "the largest terms of the sum", "05-dense")),
            "Why a sum, and not the largest?",
            "The number moves all its readers at once, and each moves y. Small changes add up.",
            (
                ("The mean", "Twice as many readers move y twice as much. A mean would not."),
                (
                    "Transposing the weights of forward is a trick",
                    "It is the same weight: one line, read the other way.",
                ),
            ),
        ),
        Step(
            "The pool routes",
            3,
            f"Max pooling keeps the largest of each window. So the whole delta of the window, "
            f"{_n(of_pool.derivative or 0)}, goes to the winner, and the others get nothing.",
            (_tour(s, 5, "a number that lost", loser), Link("drawing", "the window", "06-pool")),
            "What is the delta of a number that is not the largest of its window?",
            "0: while it is not the largest, moving it changes nothing. Move it far enough, and it wins: a kink.",
            (
                ("A quarter", "That is average pooling."),
                ("It is small, but not 0", "Move it on the page: y does not change at all, until it wins."),
            ),
        ),
        Step(
            "One convolution delta",
            5,
            f"A filter slides, so {convolved} is read at many places and by every filter: by {counts[1]} numbers. Each "
            "sends back its delta times the weight at its place. Written out, that is a convolution again, over the "
            "deltas, with the filter turned around.",
            (
                _tour(s, 6, "how many numbers read it", convolved),
                Link("drawing", "deltas, weights, products", "07-convolution"),
                Link("command", "all its terms", _command(s, f"--unit {convolved} --top 8")),
            ),
            "How many numbers read it?",
            f"{counts[1]}: one for each place of the window that covers it, times the filters.",
            (
                ("One for each filter", "A filter reads it once for each place where the window covers it."),
                ("25", "That is one filter. How many filters read this map?"),
            ),
        ),
        Step(
            "Is it right?",
            3,
            f"We need not believe it. Move the number by a little, run what follows again, and see what y does. "
            f"Foretold: {_n(of_map.derivative or 0)}. Happened: {_n(measured)}. This tests every layer, "
            "also one that you wrote.",
            (
                Link("state", "move the number", state(s, convolved, tab="nudge", nudge=0.25)),
                Link("command", "every derivative of the network", f"nnpg gradcheck {MODEL}"),
            ),
            "Why not move it by something tiny, such as 1e-15?",
            "The computer rounds. Too large a step sees the curve, too small a step sees the rounding.",
            (
                ("The smaller the better, that is the definition", "With real numbers. A float has 16 digits."),
                ("Then we need no backpropagation", "One measurement for each number, against one pass for all."),
            ),
        ),
        Step(
            "The third factor",
            4,
            f"Training changes weights. A weight multiplies an input, so its gradient is delta times input, added up "
            f"over all {counts[2]} places where the filter uses it: {_n(of_weight.derivative or 0)}. The seed "
            "of training is that of the loss, and the rest is the same pass.",
            (
                _tour(s, 7, "a weight and its places", s.strongest("conv3"), tab="weight", weight=weight),
                Link("drawing", "the places of the weight", "09-weight"),
                Link("command", "the same at a terminal", _command(s, f"--weight {weight} --top 5")),
            ),
            "What is the gradient of one weight of a filter?",
            "The sum over its places of delta times input.",
            (
                ("The weight times its delta", "A weight has no delta of its own. What does it multiply?"),
                ("Delta times input at one place", "The same weight is used at every place. Each adds its part."),
            ),
        ),
    )


def _use(s: Subject) -> tuple[Step, ...]:
    top = s.scores.strongest(s.label)[0]
    curves, errors = knocked_out(s), 5
    changed = fooled(s)
    rms = float(np.sqrt(((changed - s.x) ** 2).mean()))
    rival = s.data.class_names[s.runner_up]
    place = s.strongest(top.layer).partition(":")[2].split(",")[1:]
    unit = f"{top.layer}:{top.f},{','.join(place)}"
    return (
        Step(
            "From one image to a person",
            5,
            "The delta with y as seed has a name, the prediction gradient. Take its mean over the images of a person, "
            f"and one number for each filter: the norm of its map. For {s.name} the strongest filter is {top}.",
            (
                Link("drawing", "four people, each with the network's filters", "10-ranking"),
                Link("drawing", "the deltas dy/do of every unit of the blocks", "03-deltas"),
                Link("command", "the ranking", f"nnpg rank {MODEL} --data faces --class {s.name}"),
            ),
            "Is a filter with a large output important?",
            "Not by that: a later weight can be 0. The gradient says what the answer depends on here and now.",
            (
                ("Yes, it is active", "Active for everybody is no help in telling people apart."),
                (
                    "A gradient of 0 means that it is useless",
                    "Here and now. It may be a pool that switches, or a tanh that is full.",
                ),
            ),
        ),
        Step(
            "Knock it out",
            4,
            "If the ranking is right, then setting the strongest filters to 0 must hurt more than the weakest. With "
            f"{errors} of {len(s.scores.strongest(s.label))} filters out, {100 * curves['strongest'][errors]:.0f}% of "
            f"all images are wrong strongest first, {100 * curves['weakest'][errors]:.0f}% weakest first.",
            (
                _tour(s, 8, "the strongest filter, before it goes", unit),
                Link("state", "without it", state(s, unit, off=f"{top.layer}:{top.f}")),
                Link("drawing", "both orders, to the last filter", "11-knock-out"),
                Link("command", "the curve", f"nnpg knockout {MODEL} --data faces --class {s.name}"),
            ),
            "What would convince you that the ranking is no accident?",
            "A random order beside it, several networks, and an interval. The papers have none of these.",
            (
                ("The curve of this network", "Of one network, one split, one seed. Train another."),
                (
                    "Strongest first is worse, so it is proved",
                    "The first layer alone does much of that. Compare with it.",
                ),
            ),
        ),
        Step(
            "Fool it",
            3,
            f"The pixels have deltas too. Follow them towards another person. A change of {_n(rms)} (root mean square; "
            f"pixels lie between 0 and 1) makes this image {rival} for the network. For us it is still {s.name}.",
            (
                _tour(
                    s, 9, "how much must the pixels change?", s.strongest("input"), show="deltas", target=s.runner_up
                ),
                Link("drawing", "the image, the changed image, the change", "12-fooled"),
            ),
            "By about how much must the pixels change?",
            f"{_n(rms)} with the least change that a search finds. See on the page how much it is along dy/dx alone.",
            (
                ("So much that anyone sees it", "Look at both pictures from where you sit."),
                ("It cannot be: it answers rightly", "It answers rightly on faces. This is no face that anyone drew."),
            ),
        ),
    )
