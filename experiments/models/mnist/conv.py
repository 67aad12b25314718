"""Szegedy's convolutional network for MNIST, whose sizes the paper does not give: ours. Trained once, kept, resumed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import nnpg
from experiments.experiment import Context
from experiments.models.kept import KeptTraining
from experiments.models.mnist.digits import digits
from nnpg import SGD, Network
from nnpg.data import Dataset
from nnpg.recipes.networks import Step

LR, MOMENTUM, BATCH = 0.02, 0.9, 64


@dataclass(frozen=True)
class ConvTraining:
    """Data set, passes over it, and the seed of weights, order and dropout."""

    dataset: str = "mnist"
    epochs: int = 3
    seed: int = 0


def conv_net(config: ConvTraining, context: Context) -> tuple[Network, Dataset, Dataset]:
    """Return conv 5x5x32, ReLU, maxpool 2x2, 128 ReLU units, dropout 0.5, softmax, and training and test images."""
    train, test = digits(config.dataset, context.data_dir)
    seed = context.seed_or(config.seed)
    recipe: list[Step] = [
        nnpg.Center(np.asarray(train.x.mean(), np.float32)),
        nnpg.conv(32, 5, init="he"), nnpg.ReLU(), nnpg.MaxPool(2), nnpg.Flatten(),
        nnpg.dense(128, init="he"), nnpg.ReLU(), nnpg.Dropout(0.5), nnpg.dense(train.K), nnpg.Softmax(),
    ]  # fmt: skip
    net = nnpg.build(recipe, input_shape=train.image_shape, rng=seed, backend=context.backend)
    optimiser = SGD(lr=LR, momentum=MOMENTUM)
    training = KeptTraining("convolutional net", net, train, config.epochs, BATCH, optimiser, seed)
    return training.run(context, context.progress).net, train, test
