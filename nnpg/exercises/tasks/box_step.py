"""Exercise: a gradient step in the box."""

from __future__ import annotations

import numpy as np

from nnpg.exercises.exercise import Arguments, Exercise, Functions, Law, Mistake, Part, Values
from nnpg.exercises.measuring import numbers, shown


def _questions(rng: np.random.Generator) -> list[Arguments]:
    questions: list[Arguments] = [
        {"x": rng.integers(0, 11, shape) / 10, "gradient": numbers(rng, *shape), "epsilon": epsilon}
        for shape, epsilon in (((3, 3), 0.6), ((2, 4), 0.25))
    ]
    second = questions[1]
    with_zero = second | {"gradient": second["gradient"] * [[0], [1]]}
    return [*questions, with_zero, second | {"gradient": second["gradient"] / 10}]  # shorter than 1


def _length(gradient: Values) -> Values:
    return np.sqrt((gradient * gradient).sum(axis=1, keepdims=True))


def _direction(gradient: Values) -> Values:
    length = _length(gradient)
    return gradient / np.where(length, length, 1)


def _stepped(x: Values, gradient: Values, epsilon: float) -> Values:
    return np.clip(x + epsilon * _direction(gradient), 0, 1)


def _divided(gradient: Values, length: Values) -> Values:
    with np.errstate(all="ignore"):
        return gradient / length


def _drawn(rng: np.random.Generator) -> tuple[Values, Values]:
    return rng.random((20, 6)), rng.standard_normal((20, 6))


def _inside(functions: Functions, rng: np.random.Generator) -> str:
    after = functions["step"](*_drawn(rng), 0.9)
    return (
        f"it is {shown(float(after.min()))} to {shown(float(after.max()))}"
        if after.min() < 0 or after.max() > 1
        else ""
    )


def _short(functions: Functions, rng: np.random.Generator) -> str:
    x, gradient = _drawn(rng)
    length = float(_length(functions["step"](x, gradient, 0.3) - x).max())
    return f"a step has the length {shown(length)}, with epsilon 0.3" if not length <= 0.3 + 1e-9 else ""


def _uphill(functions: Functions, rng: np.random.Generator) -> str:
    x, gradient = _drawn(rng)
    rise = ((functions["step"](x, gradient, 0.3) - x) * gradient).sum(axis=1)
    return f"for one image it is {shown(float(rise.min()))}" if not rise.min() >= -1e-12 else ""


BOX_STEP = Exercise(
    name="box_step",
    title="a gradient step in the box",
    statement="""To raise L (the output of a class that the image is not of, say), each image takes one step
    of length epsilon along its gradient dL/dx. Pixels must stay in the box: those that leave 0 .. 1 are moved
    back to its border. The length is the Euclidean norm of the image's own step before the clip. An image
    with a gradient of 0 stays.""",
    equation="x'[n,d] = min(1, max(0, x[n,d] + epsilon gradient[n,d] / sqrt(sum_e gradient[n,e]^2)))",
    source="Lo & Ding 2015, VII (the step); Szegedy et al. 2013, 4.1 (the box: x + r in [0,1]^m)",
    stub='''
    def step(x, gradient, epsilon):
        """Return x' (N, D) from the images x (N, D), all in 0 .. 1, dL/dx (N, D), and the length epsilon."""
        raise NotImplementedError
    ''',
    parts=(
        Part(
            "step",
            _questions,
            _stepped,
            "computed by the equation",
            (
                Mistake(
                    "the sign is flipped: minus goes downhill, and L falls",
                    lambda x, gradient, epsilon: np.clip(x - epsilon * _direction(gradient), 0, 1),
                ),
                Mistake(
                    "the box is missing: pixels leave 0 .. 1",
                    lambda x, gradient, epsilon: x + epsilon * _direction(gradient),
                ),
                Mistake(
                    "the box of x is laid around the step: x + step must lie in 0 .. 1, not the step",
                    lambda x, gradient, epsilon: x + np.clip(epsilon * _direction(gradient), 0, 1),
                ),
                Mistake(
                    "the box is open below 0: pixels lie in 0 .. 1, not in -1 .. 1",
                    lambda x, gradient, epsilon: np.clip(x + epsilon * _direction(gradient), -1, 1),
                ),
                Mistake(
                    "the box is open above 1: pixels lie in 0 .. 1",
                    lambda x, gradient, epsilon: np.maximum(x + epsilon * _direction(gradient), 0),
                ),
                Mistake(
                    "the gradient is not divided by its norm",
                    lambda x, gradient, epsilon: np.clip(x + epsilon * gradient, 0, 1),
                ),
                Mistake(
                    "the norm is that of the whole batch: each image has its own",
                    lambda x, gradient, epsilon: np.clip(x + epsilon * gradient / np.linalg.norm(gradient), 0, 1),
                ),
                Mistake(
                    "the norm runs over the wrong axis: over the images n, not over the pixels d",
                    lambda x, gradient, epsilon: np.clip(
                        x + epsilon * _divided(gradient, np.linalg.norm(gradient, axis=0)), 0, 1
                    ),
                ),
                Mistake(
                    "every pixel moves by epsilon: this is a step by the sign of the gradient",
                    lambda x, gradient, epsilon: np.clip(x + epsilon * np.sign(gradient), 0, 1),
                ),
                Mistake(
                    "divided by the sum of absolute values: the length is the Euclidean norm",
                    lambda x, gradient, epsilon: np.clip(
                        x + epsilon * _divided(gradient, np.abs(gradient).sum(axis=1, keepdims=True)), 0, 1
                    ),
                ),
                Mistake(
                    "divided by the largest entry: the length is the Euclidean norm",
                    lambda x, gradient, epsilon: np.clip(
                        x + epsilon * _divided(gradient, np.abs(gradient).max(axis=1, keepdims=True)), 0, 1
                    ),
                ),
                Mistake(
                    "divided by the sum of squares: the root is missing",
                    lambda x, gradient, epsilon: np.clip(
                        x + epsilon * _divided(gradient, _length(gradient) ** 2), 0, 1
                    ),
                ),
                Mistake(
                    "divided by the root of the mean square: the norm has the sum",
                    lambda x, gradient, epsilon: np.clip(
                        x + epsilon * _divided(gradient, _length(gradient) / np.sqrt(x.shape[1])), 0, 1
                    ),
                ),
                Mistake(
                    "epsilon is lost: the step has the length 1",
                    lambda x, gradient, epsilon: np.clip(x + _direction(gradient), 0, 1),
                ),
                Mistake(
                    "x is lost: this is the step alone", lambda x, gradient, epsilon: epsilon * _direction(gradient)
                ),
                Mistake(
                    "a gradient shorter than 1 is not made longer: divide by its norm, however small",
                    lambda x, gradient, epsilon: np.clip(
                        x + epsilon * gradient / np.maximum(_length(gradient), 1), 0, 1
                    ),
                ),
                Mistake("no image moves", lambda x, gradient, epsilon: x),
                Mistake(
                    "a gradient of 0 is divided by its norm, 0: that image must stay",
                    lambda x, gradient, epsilon: np.clip(
                        x + epsilon * _divided(gradient, np.where(_length(gradient), _length(gradient), np.nan)), 0, 1
                    ),
                ),
            ),
        ),
    ),
    laws=(
        Law("every pixel lies in 0 .. 1", _inside),
        Law("no image moves by more than epsilon", _short),
        Law("to first order L does not fall: sum(gradient * (x' - x)) >= 0", _uphill),
    ),
    hints=(
        "Three steps: a direction of length 1 for each image, a step of length epsilon, and the box at the end.",
        "The length of each image's gradient is (N, 1): sum over axis 1 with keepdims=True. Do not divide by 0.",
        "length = np.sqrt((gradient**2).sum(axis=1, keepdims=True)); np.clip(x + epsilon * gradient / "
        "np.where(length > 0, length, 1), 0, 1).",
    ),
)
