"""Minimal distortion of 60,000 images in one call on the device, beside our CPU and SciPy on some of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import nnpg
from benchmarks.attacks import against_scipy
from benchmarks.contender import cores
from benchmarks.gpu.ours import wait
from nnpg.attacks import Distorted, choose_targets, minimal_distortion
from nnpg.data import DataError, faces, load
from nnpg_kernels import Array, one_blas_thread

N = 60_000
FIRST = 512  # images of the call that compiles, and of the first one from which the time of more is estimated
GROWTH = 8  # times as many images in the next call, at most: few of them take almost as long as many
BESIDE = 60  # images that SciPy attacks
ON_CPU = 2000  # images at most
CLASSES = 10
NOISE = 0.1  # of the repeated built-in images
ENDS = 0.02  # relative difference of distortions that is counted
SHARES = {"ours": 0.5, "cpu": 0.25, "scipy": 0.25}  # of the time


class Images(NamedTuple):
    """Images (N, 784) in [0, 1], their classes, and what they are."""

    x: Array
    labels: Array
    kind: str


def images(data_dir: Path | None, count: int = N) -> Images:
    """Return MNIST's training images, or where its files are missing the built-in faces, repeated with noise."""
    try:
        train = load("mnist", data_dir)
        return Images(train.x[:count].reshape(-1, 784), train.labels[:count], "MNIST, training images")
    except DataError:
        drawn = faces(identities=CLASSES, size=28)
        rng = np.random.default_rng(0)
        rows = np.arange(count) % len(drawn.x)
        x = drawn.x[rows].reshape(count, -1)
        noisy = np.clip(x + NOISE * rng.standard_normal(x.shape, "f4"), 0, 1)
        return Images(noisy.astype("f4"), drawn.labels[rows], "built-in faces of 28 x 28 with noise: MNIST is missing")


def network(data: Images, file: Path | None, *, quick: bool = False) -> nnpg.Network:
    """Return the network of a file, or train 784-100-100-10 on the images, on the CPU."""
    if file is not None:
        return nnpg.load_network(file)
    return against_scipy.trained(data.x, data.labels, iterations=10 if quick else 250)


def compare(
    data: Images,
    net: nnpg.Network,
    until: float,
    *,
    quick: bool = False,
    cpu_backend: str = "numba",
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Any]:
    """Attack as many images as there is time for; then some on the CPU, and some of these by SciPy.

    Returns
    -------
    dict
        Images, and of how many; seconds, success, evaluations and distortion of ours; how the CPU's distortions differ
        image by image; SciPy's milliseconds per image and its ratio to ours.
    """
    began = clock()
    left = {name: (until - began) * share for name, share in SHARES.items()}
    net = net.to(cpu_backend)
    targets = choose_targets(net, data.x, "random", labels=data.labels, rng=0)[:, 0]
    away = nnpg.predict(net, data.x).argmax(axis=1) != targets
    x, targets = data.x[away], targets[away]
    on_device = net.to("cupy")
    wanted, count = len(x), min(len(x), 8 if quick else FIRST)
    first, _ = _attack(on_device, x[:count], targets[:count])
    seconds, result = _attack(on_device, x[:count], targets[:count])
    taken = [(count, seconds)]
    while not quick and (more := images_that_fit(wanted, taken, began + left["ours"] - clock())) > count:
        count = more
        seconds, result = _attack(on_device, x[:count], targets[:count])
        taken.append((count, seconds))
    x, targets = x[:count], targets[:count]
    found = {
        "images": count,
        "of": wanted,
        "data": data.kind,
        "error_rate": float(nnpg.error_rate(net, data.x, data.labels)),
        "seconds": seconds,
        "first_s": first,
        "success": float(result.success.mean()),
        "evaluations": float(result.evaluations.mean()),
        "distortion": float(np.nanmean(result.distortion)),
    }
    found["cpu"] = _on_cpu(net, x, targets, result, left["cpu"], quick)
    found["scipy"] = _by_scipy(net, x, targets, seconds / count, left["scipy"], quick, clock)
    return found


def _attack(net: nnpg.Network, x: Array, targets: Array) -> tuple[float, Distorted]:
    if net.backend.name == "cupy":
        wait()
    began = time.perf_counter()
    result = minimal_distortion(net, x, targets, progress=False)
    return time.perf_counter() - began, result


def images_that_fit(wanted: int, taken: Sequence[tuple[int, float]], left: float) -> int:
    """Return how many images the next call should have, or those of the last call where no more fit into the time.

    Parameters
    ----------
    wanted : int
        At most.
    taken : sequence of (images, seconds)
        Of the calls so far. More images take what the last ones more have taken each: of the first call, all of it.
    left : float
        Seconds.

    Examples
    --------
    >>> images_that_fit(60_000, [(512, 2.0)], 300.0), images_that_fit(60_000, [(512, 2.0)], 30.0)
    (60000, 4096)
    >>> images_that_fit(60_000, [(512, 2.0), (4096, 3.0)], 25.0)
    60000
    """
    before, (count, seconds) = (taken[-2] if len(taken) > 1 else (0, 0.0)), taken[-1]
    each = max(seconds - before[1], 0.0) / (count - before[0])
    if seconds + each * (wanted - count) <= left:
        return wanted
    fit = count + int((left - seconds) / each) if each else count
    return min(fit, GROWTH * count) if fit >= 2 * count else count


def _on_cpu(
    net: nnpg.Network, x: Array, targets: Array, ours: Distorted, seconds: float, quick: bool
) -> dict[str, Any]:
    """The CPU's distortion of some images, against ours of the same."""
    few = _spread(len(x), 4 if quick else 64)
    took, answer = _attack(net, x[few], targets[few])
    took, answer = _attack(net, x[few], targets[few])  # the first call may compile
    rows = few
    if not quick:
        rows = _spread(len(x), min(ON_CPU, max(len(few), int(seconds / took * len(few)))))
        took, answer = _attack(net, x[rows], targets[rows])
    here, there = ours.distortion[rows], answer.distortion
    both = np.isfinite(here) & np.isfinite(there)
    off = np.abs(here[both] - there[both]) / there[both]
    return {
        "backend": net.backend.name,
        "cores": cores(),
        "images": len(rows),
        "seconds": took,
        "ms_per_image": took / len(rows) * 1e3,
        "success_differs": int((np.isfinite(here) != np.isfinite(there)).sum()),
        "relative_difference": {
            "median": float(np.median(off)) if off.size else None,
            "largest": float(off.max()) if off.size else None,
            f"within {ENDS:.0%}": float((off <= ENDS).mean()) if off.size else None,
        },
    }


def _spread(of: int, count: int) -> Array:
    """`count` rows, evenly from all."""
    return np.unique(np.linspace(0, of - 1, min(of, count)).astype(int))


def _by_scipy(
    net: nnpg.Network, x: Array, targets: Array, ours: float, seconds: float, quick: bool, clock: Callable[[], float]
) -> list[dict[str, Any]]:
    """Each loop of SciPy on the same images, as many as there is time for; ratios to our seconds for an image."""
    rows = _spread(len(x), 2 if quick else BESIDE)
    loops = against_scipy.loops(net)
    found = []
    for left, (name, (read, options, search)) in zip(range(len(loops), 0, -1), reversed(loops.items()), strict=True):
        against_scipy.check(net, read, x[rows[:4]], targets[rows[:4]])
        began, done = clock(), []
        with one_blas_thread():
            for n in rows:
                done.append(against_scipy.scipy_loop(read, x[n], int(targets[n]), options, search))
                if clock() - began > seconds / left and not quick:
                    break
        took = clock() - began
        seconds -= took
        distortions = np.array([d for d, _ in done])
        found.append(
            {
                "name": name,
                "images": len(done),
                "ms_per_image": took / len(done) * 1e3,
                "not_found": int(np.isnan(distortions).sum()),
                "distortion": float(np.nanmean(distortions)) if np.isfinite(distortions).any() else None,
                "ratio": took / len(done) / ours,
            }
        )
    return found
