"""Exercise: the score of a filter."""

from __future__ import annotations

import numpy as np

from nnpg.exercises.exercise import Arguments, Exercise, Functions, Law, Mistake, Part, Values
from nnpg.exercises.measuring import numbers, shown
from nnpg.scores import NORMS

_MAP = (-2, -1)  # the axes h, w


def _questions(rng: np.random.Generator) -> list[Arguments]:
    return [{"gradients": numbers(rng, *shape)} for shape in [(3, 3, 3, 3), (2, 4, 3, 2), (4, 1, 2, 5)]]


def _scores(gradients: Values) -> Values:
    return NORMS["frobenius"](gradients.mean(axis=0), _MAP)


def _named(norm: str, gradients: Values) -> Values:
    return NORMS[norm](gradients.mean(axis=0), _MAP)


def _scaled(functions: Functions, rng: np.random.Generator) -> str:
    gradients = rng.standard_normal((3, 5, 4, 4))
    once, twice = functions["scores"](gradients), functions["scores"](-2 * gradients)
    off = np.abs(twice - 2 * once)
    f = int(off.argmax())
    words = f"the score of filter {f} goes from {shown(float(once[f]))} to {shown(float(twice[f]))}"
    return words if not off.max() <= 1e-9 * np.abs(once).max() else ""


def _cancelled(functions: Functions, rng: np.random.Generator) -> str:
    gradients = rng.standard_normal((1, 3, 4, 4))
    scores = functions["scores"](np.concatenate([gradients, -gradients]))
    return f"filter 0 has {shown(float(scores[0]))}" if not np.abs(scores).max() <= 1e-9 else ""


FILTER_SCORE = Exercise(
    name="filter_score",
    title="the score of a filter",
    statement="""A filter has one feature map of H x W units, and each of them has a prediction gradient. To
    rank filters one needs one number each: first the class gradient, the mean over the N images; then its
    Frobenius norm over the map. Write the scores of all F filters of a layer.""",
    equation="score[f] = sqrt( sum_{h,w} ( 1/N sum_n gradients[n,f,h,w] )^2 )",
    source="Lo & Ding 2015, III.D and Eq. 3",
    stub='''
    def scores(gradients):
        """Return the scores (F,) from the prediction gradients (N, F, H, W) of N images of a class."""
        raise NotImplementedError
    ''',
    parts=(
        Part(
            "scores",
            _questions,
            _scores,
            "computed by nnpg.scores",
            (
                Mistake(
                    "the norms of the images are averaged: the mean comes first, then the norm",
                    lambda gradients: NORMS["frobenius"](gradients, _MAP).mean(axis=0),
                ),
                Mistake("the root is missing", lambda gradients: _scores(gradients) ** 2),
                Mistake(
                    "a sum over the images where a mean belongs", lambda gradients: _scores(gradients) * len(gradients)
                ),
                Mistake(
                    "the sum of absolute values, which is another norm (l1)", lambda gradients: _named("l1", gradients)
                ),
                Mistake(
                    "a sum with signs, in which units cancel: square them first",
                    lambda gradients: gradients.mean(axis=0).sum(axis=_MAP),
                ),
                Mistake("a mean with signs, in which units cancel", lambda gradients: _named("mean", gradients)),
                Mistake("the largest unit, which is another norm (max)", lambda gradients: _named("max", gradients)),
                Mistake("a mean over the map where a sum belongs (rms)", lambda gradients: _named("rms", gradients)),
                Mistake(
                    "the norm runs over the wrong axis: over filters f, not over the map h, w",
                    lambda gradients: np.sqrt((gradients.mean(axis=0) ** 2).sum(axis=(0, 1))),
                ),
                Mistake(
                    "the mean runs over the filters, not over the images",
                    lambda gradients: NORMS["frobenius"](gradients.mean(axis=1), _MAP),
                ),
                Mistake(
                    "images and map are squared and added together: the mean over images comes first",
                    lambda gradients: np.sqrt((gradients**2).sum(axis=(0, 2, 3))),
                ),
                Mistake(
                    "the squares are averaged over the images: the mean comes first, then the square",
                    lambda gradients: np.sqrt((gradients**2).mean(axis=0).sum(axis=_MAP)),
                ),
                Mistake(
                    "a norm for each row of the map, added up: one root of one sum over h and w",
                    lambda gradients: np.sqrt((gradients.mean(axis=0) ** 2).sum(axis=-1)).sum(axis=-1),
                ),
                Mistake(
                    "a spectral norm: np.linalg.norm(..., 2) of a matrix is its largest singular value",
                    lambda gradients: np.linalg.norm(gradients.mean(axis=0), 2, axis=_MAP),
                ),
                Mistake(
                    "one number for the whole layer: each filter has its own",
                    lambda gradients: np.repeat(np.linalg.norm(gradients.mean(axis=0)), gradients.shape[1]),
                ),
                Mistake("only the last image counts", lambda gradients: _scores(gradients[-1:])),
                Mistake(
                    "the last row and column of the map are left out: off by one",
                    lambda gradients: _scores(gradients[..., :-1, :-1]),
                ),
            ),
        ),
    ),
    laws=(
        Law("gradients times -2 have scores times 2", _scaled),
        Law("two images with opposite gradients have the score 0", _cancelled),
    ),
    hints=(
        "Two steps, in this order: one array (F, H, W) for the class, then one number for each f.",
        "gradients.mean(axis=0) is Eq. 3. The Frobenius norm: square, sum over the last two axes, root.",
        "g = gradients.mean(axis=0); np.sqrt((g * g).sum(axis=(1, 2))).",
    ),
)
