"""Hinthorn's network for digits and its adversarial pairs, for HI-0 to HI-10. Made once, kept, reused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from experiments.data_sets import noted
from experiments.experiment import Context
from experiments.models.kept import KeptTraining, kept_file
from nnpg import (
    SGD,
    Center,
    Flatten,
    MaxPool,
    Network,
    PlainDecay,
    ReLU,
    Softmax,
    Training,
    build,
    conv,
    dense,
    save,
)
from nnpg.data import Dataset, faces, load, stratified_split
from nnpg.recipes.models import digit_net
from nnpg.recipes.networks import Step
from nnpg.training_methods.volatility import unit_output
from nnpg_kernels import Array

PAPER_PAIRS = 208
CONV, DENSE = "conv2", "dense1"  # the layers of the paper's tables
MAPS, NEURONS = "pool2", "relu3"  # where their units are read
FACES_IN_COLOUR = "faces in colour"


@dataclass(frozen=True)
class Base:
    """The training of the networks, their number, and the number of pairs of each.

    The paper: lr 1e-4, lr decay 5e-7, momentum 0.9, weight decay 1e-3, 100 epochs; it does not give the batch.
    """

    dataset: str = "mnist"
    epochs: int = 4
    lr: float = 0.05
    lr_decay: float = 1e-3
    batch: int = 100
    pairs: int = 2208  # the paper's 208, and 2,000 to judge the trained networks
    convolutions: int = 2  # 3 for the future work of the paper
    nets: int = 5  # trained anew, each with its own first weights: what the intervals are over
    seed: int = 0

    @property
    def long(self) -> bool:
        """Whether the work is worth the start of processes."""
        return not self.dataset.startswith("faces")


SMOKE = Base("faces", epochs=3, lr=0.02, batch=4, pairs=20, nets=2)
PAPER = Base(epochs=100, lr=1e-4, lr_decay=5e-7, batch=10)


@dataclass(frozen=True, eq=False)
class BaseNet:
    """The trained network, its seed, and the images that it was trained and tested on."""

    training: Training
    train: Dataset
    test: Dataset
    file: Path  # of the network alone: other processes load it from there
    seed: int  # of its first weights and of the order of its images

    @property
    def net(self) -> Network:
        """The network."""
        return self.training.net

    @property
    def conv(self) -> str:
        """The last convolution, whose feature maps are compared."""
        return [name for name in self.net.parameters if name.startswith("conv")][-1]

    @property
    def read_at(self) -> tuple[str, str]:
        """The outputs at which the feature maps of that convolution and the neurons of the dense layer are read."""
        return unit_output(self.net, layer=self.conv), unit_output(self.net, layer=DENSE)


def base_net(config: Base, context: Context) -> BaseNet:
    """Train the network of the first seed, resume its training, or load it."""
    return base_nets(config, context, 1)[0]


def base_nets(config: Base, context: Context, number: int) -> list[BaseNet]:
    """Train so many networks, each from other first weights and in another order of the images, or load them.

    Their seeds are the first and those that follow it. On several cores, several networks are trained at once.
    """
    seen, unseen = _images(config, context)
    first = context.seed_or(config.seed)
    trainings = {seed: _training(config, context, seed, seen, unseen) for seed in range(first, first + number)}
    files = {seed: kept_file(context, "net H", kept.facts) for seed, kept in trainings.items()}
    missing = {f"seed {seed}": (config, context, seed) for seed, kept in trainings.items() if not kept.is_done(context)}
    if len(missing) > 1 and config.long:
        context.run_jobs(_train, missing, "base networks")
    nets = []
    for seed, kept in trainings.items():
        training = kept.run(context, context.progress)
        if not files[seed].exists():
            save(training.net, files[seed])
        nets.append(BaseNet(training, seen, unseen, files[seed], seed))
    return nets


def _training(config: Base, context: Context, seed: int, seen: Dataset, unseen: Dataset) -> KeptTraining:
    make = digit_net if config.convolutions == 2 else _deeper_net
    net = make(seen.x, seen.K, rng=seed, backend=context.backend)
    optimiser = SGD(config.lr, momentum=0.9, decay=PlainDecay(1e-3), lr_decay=config.lr_decay)
    return KeptTraining("net H, training", net, seen, config.epochs, config.batch, optimiser, seed, validation=unseen)


def _train(job: tuple[Base, Context, int]) -> None:
    """Train one network; its checkpoint is the result."""
    config, context, seed = job
    _training(config, context, seed, *_images(config, context)).run(context, False)


def _deeper_net(x: Array, K: int, *, rng: int, backend: str) -> Network:
    """Return the network with a third convolution, for "larger and deeper networks" (6.1); its sizes are ours."""
    recipe: list[Step] = [Center(np.asarray(x.mean(), x.dtype))]
    for step in (conv(32, 5, padding=2, init="he"), conv(64, 5, init="he"), conv(64, 3, padding=1, init="he")):
        recipe += [step, ReLU(), MaxPool(2)]
    recipe += [Flatten(), dense(200, init="he"), ReLU(), dense(K), Softmax()]
    return build(recipe, input_shape=x.shape[1:], backend=backend, rng=rng)


def _images(config: Base, context: Context) -> tuple[Dataset, Dataset]:
    """Training and test images: MNIST or CIFAR-10; for the smoke scale three built-in faces of the size of MNIST's."""
    name = config.dataset
    if not name.startswith("faces"):
        train, test = load(name, context.data_dir), load(name, context.data_dir, split="test")
        return noted(train, name, "train"), noted(test, name, "test")
    three = faces(identities=3, size=28)
    if name == FACES_IN_COLOUR:
        three = replace(three, x=np.repeat(three.x, 3, axis=1))
    three = noted(three, name)
    return stratified_split(three).apply(three)
