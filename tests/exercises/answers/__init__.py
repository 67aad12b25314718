"""For every exercise the solution, and wrong answers that people write, each with words of the message it must get."""

from __future__ import annotations

from exercises.answers import activations, conv_weights, convolution, dense, layers, pooling, readings, softmax
from exercises.answers.answer import Solution, Wrong

FAMILIES = (dense, activations, softmax, convolution, pooling, conv_weights, readings, layers)
SOLUTIONS: dict[str, Solution] = {name: bodies for family in FAMILIES for name, bodies in family.SOLUTIONS.items()}
WRONG: list[Wrong] = [one for family in FAMILIES for one in family.WRONG]
