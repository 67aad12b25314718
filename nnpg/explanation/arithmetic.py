"""Which units a number depends on, and by how much: the terms of one unit forward, and of one delta backward.

Nothing here knows a layer. The slopes dy_j/dx_i of one unit y_j are `backward` of the seed that is 1 at j and 0
elsewhere, because backward is linear. Which units read x_i is measured: x_i is moved, and the y_j that change read it.
A layer sees one image at a time, so that masks and draws that depend on the number of images stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from nnpg.explanation.addresses import Index
from nnpg.network import Network
from nnpg.trace import Trace
from nnpg_kernels import Array

Values: TypeAlias = NDArray[np.float64]
Run: TypeAlias = Callable[[Values], Values]  # a layer's input of one image to its output, both without the axis N

HELD = 1 << 22  # numbers of stacked deltas that are held at once
FAR = 10.0  # times the largest input: how far an input is moved to see what reads it
TRIALS = 3  # random directions in which a unit is tested for being affine
AFFINE = 1e-9  # relative error of J v up to which it is


def before(net: Network, name: str) -> str:
    """Return the output that the layer `name` reads."""
    return net.names[net.names.index(name) - 1]


def layer_run(net: Network, name: str) -> Run:
    """Return the layer `name`, with what intervenes on its output, as a function of its input for one image."""
    k, start = net.backend, before(net, name)

    def run(x: Values) -> Values:
        return k.to_numpy(net.forward_unchecked(k.asarray(x[None]), start=start, stop=name).y)[0]

    return run


def weight_run(net: Network, trace: Trace, name: str, p: str) -> Run:
    """Return the layer `name` as a function of its parameter `p`, for the input that the trace holds."""
    k, start = net.backend, before(net, name)

    def run(w: Values) -> Values:
        changed = net.with_parameters({name: {p: k.asarray(w)}})
        return k.to_numpy(changed.forward_unchecked(trace[start], start=start, stop=name).y)[0]

    return run


def readers(run: Run, x: Values, i: Index) -> NDArray[np.int64]:
    """Return the index of every output that changes when x_i is moved far up or far down, (R, axes of y).

    Examples
    --------
    >>> readers(lambda x: np.maximum(x, 0), np.array([1.0, -2.0]), (1,))
    array([[1]])
    """
    y = run(x)
    changed = np.zeros(y.shape, bool)
    with np.errstate(all="ignore"):
        for shift in (distance(x), -distance(x)):
            moved = x.copy()
            moved[i] += shift
            changed |= run(moved) != y
    return np.argwhere(changed)


def inputs_read(run: Run, x: Values, j: Index, slopes: Values) -> NDArray[np.int64]:
    """Return the index of every input that y_j depends on, (R, axes of x): all with a slope, and those found by moving.

    Blocks of inputs are moved together, each input by another amount, and a block that changes y_j is halved.

    Examples
    --------
    >>> inputs_read(lambda x: x.max(keepdims=True), np.array([1.0, 3.0, 2.0]), (0,), np.array([0.0, 1.0, 0.0])).ravel()
    array([0, 1, 2])
    """
    y, rng, far = run(x)[j], np.random.default_rng(0), distance(x)
    shifts = far * (1 + rng.random(x.size))

    def changes(block: NDArray[np.int64]) -> bool:
        for sign in (1, -1):
            moved = x.copy().ravel()
            moved[block] += sign * shifts[block]
            if run(moved.reshape(x.shape))[j] != y:
                return True
        return False

    found, blocks = slopes.ravel() != 0, [np.arange(x.size)]
    with np.errstate(all="ignore"):
        while blocks:
            block = blocks.pop()
            if changes(block):
                found[block] |= len(block) == 1
                blocks += [half for half in np.array_split(block, 2) if len(half)] if len(block) > 1 else []
    return np.argwhere(found.reshape(x.shape))


def is_affine(run: Run, x: Values, j: Index, slopes: Values) -> bool:
    """Return whether y_j(x + v) - y_j(x) is the sum of slopes v, for large v in random directions and back.

    Examples
    --------
    >>> x = np.array([3.0])
    >>> is_affine(lambda x: 2 * x + 1, x, (0,), np.array([2.0])), is_affine(np.abs, x, (0,), np.array([1.0]))
    (True, False)
    """
    y, rng = run(x)[j], np.random.default_rng(0)
    with np.errstate(all="ignore"):
        for v in distance(x) * rng.standard_normal((TRIALS, *x.shape)):
            for signed in (v, -v):
                moved, foretold = run(x + signed)[j] - y, (slopes * signed).sum()
                if not abs(moved - foretold) <= AFFINE * (abs(y) + abs(slopes * signed).sum()):
                    return False
    return True


def slopes_of_unit(net: Network, trace: Trace, name: str, j: Index) -> Values:
    """Return dy_j/dx for the unit j of the output `name` and every input x of its layer."""
    return next(slopes_of_units(net, trace, name, np.array([j])))[0]


def slopes_of_units(net: Network, trace: Trace, name: str, units: NDArray[np.int64]) -> Iterator[Values]:
    """Yield dy_j/dx for several units j of one output, in parts (J, *shape of x): backward of stacked one-hot seeds."""
    k, start = net.backend, before(net, name)
    for seeds in one_hot_seeds(trace[name], units, trace[start].size):
        yield k.to_numpy(net.backward(trace, k.asarray(seeds), start=name, stop=start)[start])[:, 0]


def weight_slopes(net: Network, trace: Trace, name: str, p: str, units: NDArray[np.int64]) -> Iterator[Values]:
    """Yield dy_j/dw for several units j of one output, in parts (J, *shape of w): gradients of stacked seeds."""
    k = net.backend
    size = sum(a.size for a in net.parameters[name].values())
    for seeds in one_hot_seeds(trace[name], units, size):
        yield k.to_numpy(net.gradients(trace, {name: k.asarray(seeds)})[name][p])


def one_hot_seeds(y: Array, units: NDArray[np.int64], size: int) -> Iterator[Values]:
    """Yield seeds (J, *y.shape), each 1 at one unit, so many that J results of `size` numbers are held at once.

    Examples
    --------
    >>> [seeds.shape for seeds in one_hot_seeds(np.zeros((1, 2, 3)), np.array([[0, 1], [1, 2]]), 6)]
    [(2, 1, 2, 3)]
    """
    count = max(1, HELD // max(size, math.prod(y.shape)))
    for first in range(0, len(units), count):
        part = units[first : first + count]
        seeds = np.zeros((len(part), *y.shape))
        seeds[(np.arange(len(part)), 0, *part.T)] = 1
        yield seeds


def distance(x: Values) -> float:
    """Return how far an input is moved: further than the inputs themselves reach.

    Examples
    --------
    >>> distance(np.array([-2.0, 1.0]))
    30.0
    """
    return FAR * (1 + float(np.abs(x).max(initial=0)))
