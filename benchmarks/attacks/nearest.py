"""The nearest image of another class: our untargeted attack against nine of Foolbox and adv-lib, in `rivals`.

On a ReLU convolutional network and a 784-100-100-10 ReLU network, trained here on MNIST, and on test images that they
classify correctly. A success is an image in the box that the attack's network classifies otherwise. Ours, with each
`effort`, and the attack that it is timed against alternate, `rounds` times; the others run once. PyTorch gets one core
and all of them in turn in the first round, and keeps the faster number.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import nnpg
from benchmarks.attacks.rivals import PACE, Rivals, rivals
from benchmarks.contender import cores
from benchmarks.measuring.probe import measure
from nnpg import ReLU, conv, dense
from nnpg.attacks import minimal_distortion
from nnpg.attacks.least_distortion.boundary.search import EffortName
from nnpg.data import Dataset, load
from nnpg_kernels import Array

OURS: dict[str, EffortName] = {"ours": "thorough", "ours, quick": "quick"}
SMALLER = 1e-3  # by more than this share
BOX = 1e-6  # how far rounding may carry a pixel out of the box
POOL = 2000  # images of other classes to start from, the last of the test set

Attack = Callable[[Array, Array], Array]


@dataclass(frozen=True, eq=False)
class Row:
    """The results of one attack: |r|_2 of each image, infinite where it failed, and the seconds of each run."""

    size: Array
    seconds: list[float]


def networks(data_dir: Path | None, file: Path | None) -> dict[str, nnpg.Network]:
    """Return the network of a file, or two that are trained here."""
    if file is not None:
        return {file.name: nnpg.load_network(file)}
    train = load("mnist", data_dir)
    pool, head = nnpg.MaxPool(2), [nnpg.Flatten(), dense(64), ReLU(), dense(10), nnpg.Softmax()]
    recipes: dict[str, tuple[list[Any], int]] = {
        "convolutional": ([conv(8, 5), ReLU(), pool, conv(16, 5), ReLU(), pool, *head], 3),
        "784-100-100-10": ([nnpg.Flatten(), dense(100), ReLU(), dense(100), ReLU(), *head[3:]], 9),
    }
    nets = {}
    for name, (recipe, epochs) in recipes.items():
        net = nnpg.build(recipe, input_shape=(1, 28, 28), rng=0)
        for rate, passes in ((0.05, epochs), (0.01, 1)):
            sgd = nnpg.SGD(lr=rate, momentum=0.9)
            net = nnpg.train(net, train.x, train.labels, epochs=passes, batch=100, rng=0, optimiser=sgd).net
        nets[name] = net
    return nets


def others(net: nnpg.Network, x: Array, labels: Array, pool: Array) -> Array:
    """Return for each image the nearest one of the pool that the network takes for another class."""
    classes, flat = nnpg.predict(net, pool).argmax(axis=1), pool.reshape(len(pool), -1)
    squares = ((x.reshape(len(x), 1, -1) - flat) ** 2).sum(axis=2)
    squares[labels[:, None] == classes] = np.inf
    return pool[squares.argmin(axis=1)]


def run(net: nnpg.Network, x: Array, labels: Array, theirs: Rivals, rounds: int, console: Console) -> dict[str, Row]:
    """Run all attacks; a line for each as it ends."""

    def ours(x: Array, labels: Array, effort: EffortName) -> Array:
        with nnpg.require_compiled() if net.backend.name == "numba" else nullcontext():
            return minimal_distortion(net, x, "all", labels=labels, effort=effort, progress=False).adversarial

    def predict(x: Array) -> Array:
        return nnpg.predict(net, x).argmax(axis=1)

    def on(threads: int, attack: Attack) -> tuple[Array, float]:
        with theirs.threads(threads):
            return _timed(attack, x, labels)

    ours(x[:2], labels[:2], "quick")  # the first call compiles
    rows = dict[str, Row]()
    quick = cores()
    for turn in range(rounds):
        for name, effort in OURS.items():
            _enter(rows, name, _timed(partial(ours, effort=effort), x, labels), x, labels, predict)
        if PACE in theirs.attacks:
            tried = {n: on(n, theirs.attacks[PACE]) for n in ({1, cores()} if turn == 0 else {quick})}
            quick = min(tried, key=lambda n: tried[n][1])
            _enter(rows, PACE, tried[quick], x, labels, theirs.predict)
    for name, attack in theirs.attacks.items():
        if name != PACE:
            try:
                _enter(rows, name, on(quick, attack), x, labels, theirs.predict)
            except (AssertionError, RuntimeError, ValueError) as error:
                console.print(f"{name}: failed: {error}", highlight=False)
    return rows


def _timed(attack: Attack, x: Array, labels: Array) -> tuple[Array, float]:
    began = time.perf_counter()
    changed = attack(x, labels)
    return changed, time.perf_counter() - began


def _enter(
    rows: dict[str, Row],
    name: str,
    done: tuple[Array, float],
    x: Array,
    labels: Array,
    predict: Callable[[Array], Array],
) -> None:
    changed, seconds = done
    flat = changed.reshape(len(x), -1)
    good = (predict(changed) != labels) & (flat.min(axis=1) >= -BOX) & (flat.max(axis=1) <= 1 + BOX)
    size = np.sqrt(((flat - x.reshape(len(x), -1).astype(np.float64)) ** 2).sum(axis=1))
    rows.setdefault(name, Row(np.where(good, size, np.inf), [])).seconds.append(seconds)


def report(title: str, rows: Mapping[str, Row], missing: Mapping[str, str], console: Console) -> None:
    """Print a line for each attack, and how often the best of the others is nearer than ours."""
    table = Table(title=title)
    for heading in ("", "mean |r|", "median", "successes", "seconds"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, row in rows.items():
        good = row.size[np.isfinite(row.size)]
        numbers = (f"{good.mean():.4f}", f"{np.median(good):.4f}") if len(good) else ("-", "-")
        table.add_row(name, *numbers, f"{len(good)} of {len(row.size)}", f"{median(row.seconds):.1f}")
    for name, why in missing.items():
        table.add_row(name, why)
    console.print(table)
    console.print(*verdicts(rows), sep="\n", highlight=False)


def verdicts(rows: Mapping[str, Row]) -> list[str]:
    """Return sentences that compare each of ours with the others.

    Examples
    --------
    >>> verdicts({"ours": Row(np.array([1.0, 2.0]), [1.0]), "A": Row(np.array([0.9, 2.0]), [2.0])})
    ['ours: best of the other 1 smaller by over 0.1%: 1 of 2; larger: 0 of 2']
    """
    competitors = {name: row for name, row in rows.items() if name not in OURS}
    if not competitors:
        return ["no other attack was run"]
    best, said = np.min([row.size for row in competitors.values()], axis=0), list[str]()
    for name in [name for name in OURS if name in rows]:
        ours, N = rows[name], len(best)
        nearer, farther = (best < (1 - SMALLER) * ours.size).sum(), (ours.size < (1 - SMALLER) * best).sum()
        others = f"best of the other {len(competitors)} smaller by over {SMALLER:.1%}"
        said.append(f"{name}: {others}: {nearer} of {N}; larger: {farther} of {N}")
        if PACE in competitors:
            times = [theirs / mine for theirs, mine in zip(competitors[PACE].seconds, ours.seconds, strict=True)]
            share = competitors[PACE].size.mean() / ours.size.mean() - 1
            said.append(
                f"{name}: {PACE}, takes {median(times):.1f} times as long, median of {len(times)} rounds in turn, "
                f"and its mean |r| is {abs(share):.1%} {'larger' if share > 0 else 'smaller'}"
            )
    return said


def benchmark(data_dir: Path | None, file: Path | None, images: int, rounds: int) -> dict[str, dict[str, Row]]:
    """Train, attack, and print a table for each network; return the rows."""
    console = Console()
    if not console.is_terminal:
        console.width = 120
    test: Dataset = load("mnist", data_dir, split="test")
    rows_by_net = {}
    for name, net in networks(data_dir, file).items():
        right = np.flatnonzero(nnpg.predict(net, test.x).argmax(axis=1) == test.labels)[:images]
        x, labels = test.x[right], test.labels[right].astype(np.int64)
        theirs = rivals(net, x, others(net, x, labels, test.x[-POOL:]))
        rows_by_net[name] = run(net, x, labels, theirs, rounds, console)
        error = nnpg.error_rate(net, test.x, test.labels)
        report(f"{name}, test error {error:.2%}, {len(x)} images", rows_by_net[name], theirs.missing, console)
    console.print(f"{cores()} cores; sgemm probe now: {measure()}", highlight=False)
    return rows_by_net
