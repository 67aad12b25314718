"""All exercises by name, in the order in which they are meant to be done; each can be done alone."""

from __future__ import annotations

from nnpg.exercises.exercise import Exercise
from nnpg.exercises.tasks.activations import SIGMOID, TANH
from nnpg.exercises.tasks.dense import DENSE
from nnpg.exercises.tasks.softmax import SOFTMAX

ALL = (DENSE, TANH, SIGMOID, SOFTMAX)
EXERCISES: dict[str, Exercise] = {exercise.name: exercise for exercise in ALL}
