"""Minimal distortion: all images in one call, against SciPy's L-BFGS-B per image, on the same network and cores.

SciPy gets the network written out in NumPy, without our engine's overhead, and three loops around it: bisection of c
from a bracket with SciPy's own tolerances in float64, where it needs fewest evaluations; the same with tolerances as
loose as the answer allows, in float32; and that with our search of c in place of the bisection. Each loop starts from
its best success so far. Ours and theirs alternate, so that a slow period of the machine affects all equally.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

import nnpg
from benchmarks.contender import cores
from benchmarks.measuring.agreement import Disagreement
from benchmarks.measuring.probe import measure
from nnpg.attacks import Distorted, choose_targets, minimal_distortion
from nnpg.attacks.least_distortion.brackets import Brackets
from nnpg.attacks.objective import objective_of
from nnpg.data import load
from nnpg_kernels import one_blas_thread

Array = npt.NDArray[Any]
Reading = Callable[[Array, int], tuple[float, Array, Array]]  # image, target -> loss, gradient, logits
OWN = {"maxiter": 1000, "maxfun": 5000}
LOOSE = OWN | {"ftol": 1e-6, "gtol": 1e-3}
MUST, GOAL = 10.0, 40.0
TOLERANCE = 1e-4


@dataclass
class Tally:
    """Seconds and passes of one way over all its images; evaluations and distortions of those that all ways attack."""

    seconds: float = 0.0
    passes: int = 0
    evaluations: list[int] = field(default_factory=list)
    distortion: list[float] = field(default_factory=list)

    @property
    def ms(self) -> float:
        """Milliseconds per image, for the images that all ways attack: these may be harder than the others of ours."""
        return self.seconds / self.passes * float(np.mean(self.evaluations)) * 1e3


def network(data_dir: Path | None, file: Path | None) -> nnpg.Network:
    """Return the sigmoid network 784-100-100-10 of a file, or train one on all of MNIST by full-batch L-BFGS."""
    if file is not None:
        return nnpg.load_network(file)
    train = load("mnist", data_dir)
    return trained(train.x.reshape(-1, 784), train.labels)


def trained(x: Array, labels: Array, iterations: int = 250) -> nnpg.Network:
    """Train the sigmoid network 784-100-100-10 by full-batch L-BFGS, with the decay of Szegedy et al. 2013, Table 1."""
    net = nnpg.build(
        [nnpg.dense(100), nnpg.Sigmoid(), nnpg.dense(100), nnpg.Sigmoid(), nnpg.dense(10), nnpg.Softmax()],
        input_shape=(784,),
        rng=0,
    )
    decay = nnpg.DecayPerUnit({"dense1": 1e-5, "dense2": 1e-5, "dense3": 1e-6})
    return nnpg.train_lbfgs(net, x, labels, iterations=iterations, decay=decay, batch=4096).net


def loops(net: nnpg.Network) -> dict[str, tuple[Reading, dict[str, Any], bool]]:
    """Return SciPy's loops around the network written out: its reading, options, and whether c is searched as we do."""
    exact, single = by_hand(net, np.float64), by_hand(net, np.float32)
    return {
        "SciPy, bisection, own tolerances": (exact, OWN, False),
        "SciPy, bisection, loose": (single, LOOSE, False),
        "SciPy, our search of c, loose": (single, LOOSE, True),
    }


def by_hand(net: nnpg.Network, dtype: Any) -> Reading:
    """Return cross-entropy, its gradient and the logits of a chain of dense and sigmoid layers, written out."""
    weights = [(np.asarray(p["W"], dtype), np.asarray(p["b"], dtype)) for p in net.parameters.values()]
    (W_last, b_last), hidden = weights[-1], weights[:-1]

    def read(x: Array, target: int) -> tuple[float, Array, Array]:
        h, outputs = x.astype(dtype, copy=False), []
        for W, b in hidden:
            h = 1 / (1 + np.exp(-(W @ h + b)))
            outputs.append(h)
        z = W_last @ h + b_last
        top = z.max()
        y = np.exp(z - top)
        total = y.sum()
        loss = np.log(total) + top - z[target]
        delta = y / total
        delta[target] -= 1
        g = W_last.T @ delta
        for (W, _), h in zip(reversed(hidden), reversed(outputs), strict=True):
            g = W.T @ (g * h * (1 - h))
        return float(loss), g, z

    return read


def check(net: nnpg.Network, read: Reading, x: Array, targets: Array) -> None:
    """Compare the network by hand with the engine's before timing.

    Raises
    ------
    Disagreement
        If a loss or a gradient differs by more than 1e-4 of the largest.
    """
    objective = objective_of(net, "softmax_cross_entropy")
    ours = objective.evaluate(x, targets, objective.group_of(x, targets))
    for n, target in enumerate(targets):
        loss, g, _ = read(x[n], int(target))
        for name, a, b in (("loss", ours.loss[n], loss), ("gradient", ours.gradient[n], g)):
            off = float(np.abs(a - b).max() / np.abs(a).max())
            if not off <= TOLERANCE:
                raise Disagreement(f"image {n}: the {name} by hand is off by {off:.1e} of the largest")


def margin_of(z: Array, target: int) -> float:
    """Return the target's logit minus the largest other logit."""
    return float(z[target] - np.delete(z, target).max())


def scipy_loop(read: Reading, x0: Array, target: int, options: dict[str, Any], ours: bool) -> tuple[float, int]:
    """Search for the largest c that succeeds, one L-BFGS-B run per c; return the distortion and the evaluations."""
    from scipy.optimize import Bounds, minimize

    x0, box, evaluations = x0.astype(np.float64), Bounds(0, 1), 0
    start, best, size = x0, None, np.inf
    search, c = (_first_search(read, x0, target), 0.0) if ours else (None, 10.0)
    ok, no, true = 0.0, np.inf, np.array([True])
    while True:
        c = float(search.c[0]) if search else c

        def value(x: Array, c: float = c) -> tuple[float, Array]:
            nonlocal evaluations
            evaluations += 1
            loss, g, _ = read(x, target)
            r = x - x0
            return c * float(r @ r) + loss, 2 * c * r + g

        point = minimize(value, start, jac=True, method="L-BFGS-B", bounds=box, options=options).x
        margin, length = margin_of(read(point, target)[2], target), float(np.linalg.norm(point - x0))
        if margin > 0:
            start = best = point
            size = min(size, length)
        if search:
            success, margins, sizes = np.array([margin > 0]), np.array([margin]), np.array([length])
            done = search.converged(np, success, sizes, 0.01)[0] or (margin > 0 and abs(margin) < 0.1)
            if search.update(np, true, success, margins, sizes, true)[0] or done:
                break
        else:
            ok, no = (c, no) if margin > 0 else (ok, c)
            if no <= 1.05 * ok or c < 1e-6 or c > 1e6:
                break
            c = np.sqrt(ok * no) if ok and no < np.inf else c * 10 if ok else c / 10
    return (size / np.sqrt(x0.size) if best is not None else np.nan), evaluations


def _first_search(read: Reading, x0: Array, target: int) -> Brackets:
    """Guess c as our attack does."""
    _, g, z = read(x0, target)
    free = g * ~(((x0 <= 0) & (g > 0)) | ((x0 >= 1) & (g < 0)))
    c = np.array([float(free @ free) / (4 * max(-margin_of(z, target), 0.1))])
    return Brackets.start(np, c, c)


def run(net: nnpg.Network, x: Array, labels: Array, images: int, rounds: int, console: Console) -> dict[str, Tally]:
    """Attack all images by us and `images` of them by each SciPy loop, `rounds` times in turn."""
    x = x.reshape(len(x), -1)
    targets = choose_targets(net, x, "random", labels=labels, rng=0)[:, 0]
    differs = nnpg.predict(net, x).argmax(axis=1) != targets
    x, targets = x[differs], targets[differs]
    ways_of_scipy = loops(net)
    for read, _, _ in ways_of_scipy.values():
        check(net, read, x[:8], targets[:8])
    ways = {"ours": True, "ours, without polish": False}
    tallies = {name: Tally() for name in [*ways, *ways_of_scipy]}
    for polish in ways.values():  # the first call imports and warms up
        minimal_distortion(net, x[:4], targets[:4], polish=polish)
    per_round = max(1, images // rounds)
    for turn in range(rounds):
        rows = np.arange(turn, len(x), max(1, len(x) // per_round))[:per_round]  # spread over all
        for name, polish in ways.items():
            began = time.perf_counter()
            result: Distorted = minimal_distortion(net, x, targets, polish=polish, progress=False)
            tally = tallies[name]
            tally.seconds += time.perf_counter() - began
            tally.passes += int(result.evaluations.sum())
            tally.distortion += result.distortion[rows].tolist()
            tally.evaluations += result.evaluations[rows].tolist()
        with one_blas_thread():
            for name, (read, options, ours) in ways_of_scipy.items():
                began = time.perf_counter()
                answers = [scipy_loop(read, x[n], int(targets[n]), options, ours) for n in rows]
                tally = tallies[name]
                tally.seconds += time.perf_counter() - began
                tally.passes += sum(n for _, n in answers)
                tally.distortion += [d for d, _ in answers]
                tally.evaluations += [n for _, n in answers]
        console.print(f"round {turn + 1} of {rounds}", highlight=False)
    return tallies


def report(tallies: dict[str, Tally], N: int, console: Console) -> None:
    """Print one line for each way, and the ratios between them."""
    table = Table(
        title=f"minimal distortion: ours on {N} images at once, SciPy on one at a time; the same images compared"
    )
    for heading in (
        "",
        "ms per image",
        "evaluations",
        "mean distortion",
        "not found",
        "ours faster by",
        "without polish",
    ):
        table.add_column(heading, justify="left" if not heading else "right")
    ours = [t for name, t in tallies.items() if name.startswith("ours")]
    theirs = {name: t for name, t in tallies.items() if not name.startswith("ours")}
    for name, t in tallies.items():
        faster = [f"{t.ms / one.ms:.1f}" for one in ours] if name in theirs else ["", ""]
        d = np.array(t.distortion)
        row = [f"{t.ms:.2f}", f"{np.mean(t.evaluations):.0f}", f"{np.nanmean(d):.5f}", str(int(np.isnan(d).sum()))]
        table.add_row(name, *row, *faster)
    console.print(table)
    quickest = min(theirs, key=lambda name: theirs[name].ms)
    for name in dict.fromkeys([next(iter(theirs)), quickest]):
        ratio = theirs[name].ms / ours[0].ms
        verdict = "goal met" if ratio >= GOAL else "must met, goal missed" if ratio >= MUST else "missed"
        console.print(f"against {name}: {ratio:.1f} times faster (must {MUST:g}, goal {GOAL:g}): {verdict}")
    console.print(f"{cores()} cores; sgemm probe now: {measure()}", highlight=False)


def benchmark(data_dir: Path | None, file: Path | None, N: int, images: int, rounds: int) -> dict[str, Tally]:
    """Run it on MNIST's test images and print the table."""
    console = Console()
    if not console.is_terminal:
        console.width = 150
    net, test = network(data_dir, file), load("mnist", data_dir, split="test")
    error = nnpg.error_rate(net, test.x.reshape(-1, 784), test.labels)
    console.print(f"{net}; test error {error:.2%}", highlight=False)
    tallies = run(net, test.x[:N], test.labels[:N], images, rounds, console)
    report(tallies, N, console)
    return tallies
