"""SZ-4: a classifier of cars on features learned without labels, and least distortions (Szegedy et al. 2013, Fig. 6).

python -m experiments run SZ-4        (about 1 minute on 2 cores)

The paper's QuocNet, a billion weights trained on ten million video frames, is not available. A small one instead: a
sparse autoencoder learns from unlabelled patches of CIFAR-10, its encoder is applied to the images as a convolution,
pooled by averages and fixed, and softmax on top separates automobiles from the rest. Expected: clear images of cars are
not recognised after a change that is hard to see.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

import nnpg
from experiments.experiment import Context, Experiment, Result, row
from experiments.models.cifar import CLASSES_FOR_TRIAL, TRIAL_SIZE
from nnpg import Dense, Network
from nnpg.analysis.directions import features
from nnpg.analysis.statistics import mean_interval, wilson
from nnpg.attacks import minimal_distortion
from nnpg.data import Dataset, faces, load, stratified_split
from nnpg.plots import image_grid
from nnpg.recipes.patch_features import as_convolution, random_patches, zca
from nnpg.training_methods.sparsity import Sparsity

CAR = 1  # CIFAR-10's automobile
SHOWN = 4


@dataclass(frozen=True)
class Config:
    """Patches and units; L-BFGS iterations of encoder and classifier; images of each kind; attacked cars."""

    dataset: str = "cifar10"
    patches: int = 10000
    size: int = 8
    units: int = 100
    iterations: int = 150
    images: int = 5000
    attacked: int = 64
    seed: int = 0


def run(config: Config, context: Context) -> Result:
    seed = context.seed_or(config.seed)
    train, test = (_cars(data, config.images, seed) for data in _data(config, context, seed))
    net = _network(config, context, train, seed)
    wrong = round(nnpg.error_rate(net, test.x, test.labels) * len(test))
    seen = round(nnpg.error_rate(net, train.x, train.labels) * len(train))
    y = nnpg.predict(net, test.x).argmax(axis=1)
    cars = np.flatnonzero((test.labels == 1) & (y == 1))[: config.attacked]
    cars = cars if len(cars) else np.flatnonzero(test.labels == 1)[: config.attacked]
    x = test.x[cars]
    found = minimal_distortion(net, x, 0, labels=test.labels[cars], progress=context.progress)
    few = min(SHOWN, len(x))
    change = abs(found.adversarial - x)
    change = change / np.maximum(change.max(axis=(1, 2, 3), keepdims=True), 1e-9)
    triples = np.stack([x[:few], found.adversarial[:few], change[:few]], axis=1).reshape(-1, *x.shape[1:])
    titles = [t for size in found.distortion[:few] for t in ("a car", f"not a car {size:.4f}", "|change|")]
    image_grid(triples, context.folder / "cars.png", titles=titles, columns=6)
    fooled, size = wilson(int(found.success.sum()), len(x)), mean_interval(found.distortion[found.success])
    rows = (
        row("training error of the car classifier", None, wilson(seen, len(train)), len(train), interval="95% Wilson"),
        row("test error of the car classifier", None, wilson(wrong, len(test)), len(test), interval="95% Wilson"),
        row("cars no longer recognised", 1.0, fooled, len(x), interval="95% Wilson", held=fooled.value == 1),
        row("distortion", None, size, len(x), unit="RMS", interval="95% t over images"),
    )
    verdict = (
        f"{'All' if fooled.value == 1 else f'{fooled.value:.0%} of the'} {len(x)} cars are not recognised after a "
        f"change of {size.value:.4f} RMS on average; their features were learned without labels (test error "
        f"{wrong / len(test):.1%})."
    )
    return Result(rows, verdict, ("cars.png",))


def _data(config: Config, context: Context, seed: int) -> tuple[Dataset, Dataset]:
    if config.dataset == "faces":
        small = faces(seed, identities=CLASSES_FOR_TRIAL, size=TRIAL_SIZE)
        return stratified_split(small, rng=seed).apply(replace(small, x=small.x.repeat(3, axis=1), conditions=None))
    return load(config.dataset, context.data_dir), load(config.dataset, context.data_dir, split="test")


def _cars(data: Dataset, N: int, seed: int) -> Dataset:
    """N cars and N random other images, labels 1 and 0."""
    draw = np.random.default_rng(seed)
    cars, others = (draw.permutation(np.flatnonzero(which)) for which in (data.labels == CAR, data.labels != CAR))
    n = min(N, len(cars), len(others))
    chosen = np.concatenate([cars[:n], others[:n]])
    return replace(
        data.subset(chosen), labels=(data.labels[chosen] == CAR).astype(np.int64), class_names=("other", "car"),
        masks=None, features=None,
    )  # fmt: skip


def _network(config: Config, context: Context, train: Dataset, seed: int) -> Network:
    """Learn the encoder from unlabelled patches, make it a convolution, train softmax on the means of its maps."""
    C = train.image_shape[0]
    patches = random_patches(train.x, config.patches, config.size, seed)
    whiten = zca(patches)
    white = whiten(patches).astype(np.float32)
    D = white.shape[1]
    coder = nnpg.build([nnpg.dense(config.units), nnpg.Sigmoid(), nnpg.dense(D)], input_shape=(D,), rng=seed)
    learnt = nnpg.train_lbfgs(
        coder, white, white, iterations=config.iterations, loss="squared_error", batch=2048,
        sparsity=Sparsity("sigmoid1", 0.035, 5.0), decay=nnpg.PlainDecay(3e-3), progress=context.progress,
    ).net  # fmt: skip
    encoder = learnt.layers["dense1"]
    assert isinstance(encoder, Dense)
    convolution = as_convolution(whiten.folded_into(encoder), C, stride=2)
    below = nnpg.build(
        [("encode", convolution), nnpg.Sigmoid(), nnpg.AvgPool(5, 4), nnpg.Flatten()],
        input_shape=train.image_shape, rng=seed, backend=context.backend,
    )  # fmt: skip
    phi = features(below, train.x, layer="flatten1")
    head = nnpg.build([nnpg.dense(2), nnpg.Softmax()], input_shape=phi.shape[1:], rng=seed, backend=context.backend)
    head = nnpg.train_lbfgs(
        head, phi, train.labels, iterations=2 * config.iterations, decay=nnpg.DecayPerUnit(1e-4), batch=2048,
        progress=context.progress,
    ).net  # fmt: skip
    return replace(below, layers={**below.layers, **head.layers})


EXPERIMENT = Experiment(
    "SZ-4",
    "Cars that are not recognised, on features learned without labels",
    "Szegedy et al. 2013, Fig. 6",
    {
        "smoke": Config("faces", patches=60, units=6, iterations=3, images=12, attacked=2),
        "quick": Config(),
        "paper": Config(patches=100000, units=400, iterations=400, attacked=1000),
    },
    run,
)
