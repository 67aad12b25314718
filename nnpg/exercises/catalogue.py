"""All exercises by name, in the order in which they are meant to be done; each can be done alone."""

from __future__ import annotations

from nnpg.exercises.exercise import Exercise
from nnpg.exercises.tasks.activations import SIGMOID, TANH
from nnpg.exercises.tasks.conv_weights import CONV_WEIGHTS
from nnpg.exercises.tasks.convolution import CONV_FAST, CONV_LOOPS
from nnpg.exercises.tasks.dense import DENSE
from nnpg.exercises.tasks.pooling import POOL
from nnpg.exercises.tasks.softmax import SOFTMAX

ALL = (DENSE, TANH, SIGMOID, SOFTMAX, CONV_LOOPS, CONV_FAST, POOL, CONV_WEIGHTS)
EXERCISES: dict[str, Exercise] = {exercise.name: exercise for exercise in ALL}
