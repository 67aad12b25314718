"""The drawings of the lecture, from the arrays of its network."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from nnpg.attacks import minimal_distortion
from nnpg.knockout import knock_out_curves
from nnpg.lecture.subject import Subject
from nnpg.plots import Panel, error_curves, feature_maps, image_grid, network_diagram
from nnpg.support.progress import progress_bar
from nnpg_kernels import Array

SUFFIXES = (".svg", ".pdf")
COMPARED = 3  # other people beside the one of the lecture, in the ranking
MAPS = ("pool1", "pool2", "pool3")


def _maps(s: Subject, path: Path) -> None:
    feature_maps(s.x, {name: s.trace[name] for name in MAPS}, path, titles=[s.name])


def _deltas(s: Subject, path: Path) -> None:
    feature_maps(s.x, {name: s.deltas[name] for name in MAPS}, path, titles=[f"dy/do of {s.name}"])


def _softmax(s: Subject, path: Path) -> None:
    s.explain(f"{s.net.names[-2]}:{s.runner_up}").plot(path)


def _dense(s: Subject, path: Path) -> None:
    s.explain(s.strongest("tanh4")).plot(path)


def _pool(s: Subject, path: Path) -> None:
    s.explain(s.strongest("pool3")).plot(path)


def _convolution(s: Subject, path: Path) -> None:
    s.explain(s.strongest("pool2")).plot(path)


def _forward(s: Subject, path: Path) -> None:
    s.explain(s.strongest("conv1")).plot(path)


def _weight(s: Subject, path: Path) -> None:
    s.explain(weight=s.weight()).plot(path)


def _ranking(s: Subject, path: Path) -> None:
    rows = [s.label, *(c for c in range(s.net.K) if c != s.label)][: COMPARED + 1]
    images = np.array([s.data.x[s.data.labels == c][0] for c in rows])
    network_diagram(s.scores, path, rows=rows, images=images, columns=2)


def _knock_out(s: Subject, path: Path) -> None:
    curves = knocked_out(s)
    error_curves([Panel("all images", {f"{order} first": curve for order, curve in curves.items()})], path)


def _fooled(s: Subject, path: Path) -> None:
    changed = fooled(s)
    change = 0.5 + (changed - s.x) / (2 * abs(changed - s.x).max())
    titles = [s.name, s.data.class_names[s.runner_up], "the change, enlarged"]
    image_grid(np.concatenate([s.x, changed, change]), path, titles=titles, columns=3)


DRAWINGS: dict[str, Callable[[Subject, Path], None]] = {
    "01-outputs": _maps,
    "02-forward": _forward,
    "03-deltas": _deltas,
    "04-softmax": _softmax,
    "05-dense": _dense,
    "06-pool": _pool,
    "07-convolution": _convolution,
    "09-weight": _weight,
    "10-ranking": _ranking,
    "11-knock-out": _knock_out,
    "12-fooled": _fooled,
}


def draw_lecture(subject: Subject, folder: Path, *, progress: bool | None = None) -> list[Path]:
    """Write every drawing into a folder, as .svg and .pdf, and return their paths; by default with a progress bar."""
    paths = []
    with progress_bar("drawing", len(DRAWINGS) * len(SUFFIXES), show=progress) as advance:
        for name, draw in DRAWINGS.items():
            for suffix in SUFFIXES:
                paths.append(folder / f"{name}{suffix}")
                draw(subject, paths[-1])
                advance()
    return paths


@cache
def knocked_out(subject: Subject) -> dict[str, Array]:
    """Return the overall error as the filters of the class are knocked out, strongest first and weakest first."""
    data, scores = subject.data, subject.scores
    orders = {"strongest": scores.strongest(subject.label), "weakest": scores.weakest(subject.label)}
    curves = knock_out_curves(subject.net, data.x, data.labels, list(orders.values()), progress=False)
    return {order: curve.overall_error for order, curve in zip(orders, curves, strict=True)}


@cache
def fooled(subject: Subject) -> Array:
    """Return the image with the least change that makes it the second class, of those that the search finds."""
    return minimal_distortion(subject.net, subject.x, subject.runner_up, progress=False).adversarial
