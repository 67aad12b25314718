"""All exercises by name, in the order in which they are meant to be done; each can be done alone."""

from __future__ import annotations

from nnpg.exercises.exercise import Exercise
from nnpg.exercises.tasks.activations import SIGMOID, TANH
from nnpg.exercises.tasks.batch_mean import BATCH_MEAN
from nnpg.exercises.tasks.box_step import BOX_STEP
from nnpg.exercises.tasks.class_gradient import CLASS_GRADIENT
from nnpg.exercises.tasks.conv_weights import CONV_WEIGHTS
from nnpg.exercises.tasks.convolution import CONV_FAST, CONV_LOOPS
from nnpg.exercises.tasks.dense import DENSE
from nnpg.exercises.tasks.filter_score import FILTER_SCORE
from nnpg.exercises.tasks.knock_out import KNOCK_OUT
from nnpg.exercises.tasks.leaky_relu import LEAKY_RELU
from nnpg.exercises.tasks.log_seed import LOG_SEED
from nnpg.exercises.tasks.pooling import POOL
from nnpg.exercises.tasks.read_twice import READ_TWICE
from nnpg.exercises.tasks.softmax import SOFTMAX

ALL = (
    DENSE, TANH, SIGMOID, SOFTMAX, CONV_LOOPS, CONV_FAST, POOL, CONV_WEIGHTS, LOG_SEED, CLASS_GRADIENT, FILTER_SCORE,
    KNOCK_OUT, BOX_STEP, LEAKY_RELU, BATCH_MEAN, READ_TWICE,
)  # fmt: skip
EXERCISES: dict[str, Exercise] = {exercise.name: exercise for exercise in ALL}
