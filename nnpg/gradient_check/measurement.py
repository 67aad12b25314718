"""Three methods that measure <v, dL/da> for L = sum(d * y), a random seed d and a direction v, without backward.

    adjoint               <y(a + v) - y(a), d>                   exact where y is affine in a
    complex step          Im <y(a + i h v), d> / h, h = 1e-30    exact where forward takes complex numbers
    finite differences    <y(a + h v) - y(a - h v), d> / 2h      to about h^4, extrapolated from two steps

Whether y is affine, and whether forward can be used with complex numbers, is measured too. There is no list of
layers, so that a layer of any class is checked like the built-in ones.

A direction that crosses a kink (ReLU at 0, a tie of MaxPool) has two slopes and cannot be used. A kink is recognised
by the second difference: when the step is halved, that of a smooth function becomes 4 times smaller, that of a kink
does not. Another direction is then drawn with a smaller step; after several, the point is moved away from the kink. If
this does not help either, the row fails.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nnpg.gradient_check.diagnosis import likely_cause
from nnpg.gradient_check.report import GradientRow

Values: TypeAlias = NDArray[Any]

DIRECTIONS = 3  # per array and method
STEPS = [1e-4 / 8**n for n in range(5)]  # relative to the array; after each kink the next one is used
NUDGES = 2  # how often a point is moved away from a kink
EXACT = 1e-4  # tolerance of the methods without a step, in units of `tolerance`
ENTRIES = 300  # that are measured one by one to find the worst


@dataclass(frozen=True)
class Probe:
    """An array, the outputs as a function of it, and the derivative to be checked."""

    layer: str
    array: str
    point: Values
    outputs: Callable[[Values], dict[str, Values]]  # every output that depends on the array, by name; the last is y
    vjp: Callable[[Values, Values], Values]  # (a, d) -> dL/da, to be checked
    shape: tuple[int, ...]  # of y

    def y(self, a: Values) -> Values:
        """Return the last output."""
        return list(self.outputs(a).values())[-1]


@dataclass(frozen=True)
class Direction:
    """A random direction v and a random seed d of L = sum(d * y)."""

    v: Values
    d: Values
    claimed: Values  # dL/da, to be checked


Slope: TypeAlias = Callable[[Probe, Values, Values, Values], float]  # (probe, a, v, d) -> <v, dL/da>


def _adjoint(probe: Probe, a: Values, v: Values, d: Values) -> float:
    return float(((probe.y(a + v) - probe.y(a)) * d).sum())


def _complex_step(probe: Probe, a: Values, v: Values, d: Values, h: float = 1e-30) -> float:
    return float((probe.y(a + 1j * h * v).imag * d).sum() / h)


def extrapolated(h: float) -> Slope:
    """Return the slope (4 D(h/2) - D(h)) / 3: the h^2 terms of two central differences D cancel."""

    def slope(probe: Probe, a: Values, v: Values, d: Values) -> float:
        whole, half = (((probe.y(a + s * v) - probe.y(a - s * v)) * d).sum() / (2 * s) for s in (h, h / 2))
        return float((4 * half - whole) / 3)

    return slope


def measure(probe: Probe, rng: np.random.Generator, tolerance: float) -> Iterator[GradientRow]:
    """Check one probe by each method that applies."""
    with np.errstate(all="ignore"):
        a, exact = probe.point, tolerance * EXACT
        if _affine(probe, rng):
            yield _row(probe, "adjoint", a, [_draw(probe, a, rng) for _ in range(DIRECTIONS)], _adjoint, 1.0, exact)
        note, skipped = "", 0
        for nudge in range(NUDGES + 1):
            a = probe.point + 0.1 * size_of(probe.point) * rng.standard_normal(a.shape) if nudge else probe.point
            draws, h, kinks = _smooth_directions(probe, a, rng, tolerance)
            if kinks:
                skipped, note = skipped + len(kinks), kinks[0]
            if draws:
                break
        else:
            words = f"unknown: every direction crosses a kink ({note}): give another x"
            yield GradientRow(probe.layer, probe.array, "finite differences", np.nan, False, words)
            return
        if note:
            remedy = "measured at a point beside it" if nudge else "other directions drawn"
            note = f"kink: {note}; {skipped} direction{'s' * (skipped > 1)} skipped, {remedy}"
        row = _row(probe, "finite differences", a, draws, extrapolated(h), h, tolerance)
        yield replace(row, note="; ".join(filter(None, [row.note, note])))
        if _takes_complex(probe, a, draws[0], h):
            yield _row(probe, "complex step", a, draws, _complex_step, 1.0, exact)


def _draw(probe: Probe, a: Values, rng: np.random.Generator) -> Direction:
    d = rng.standard_normal(probe.shape)
    return Direction(size_of(a) * rng.standard_normal(a.shape), d, probe.vjp(a, d))


def size_of(a: Values) -> float:
    """Return the root mean square of an array, 0.1 at least: the unit of its steps."""
    return max(float(np.sqrt((a * a).mean())) if a.size else 0.0, 0.1)


def _affine(probe: Probe, rng: np.random.Generator) -> bool:
    """Whether y(a + v + w) - y(a + v) - y(a + w) + y(a) is 0."""
    a = probe.point
    v, w = rng.standard_normal((2, *a.shape)) * size_of(a)
    y_vw, y_v, y_w, y = (probe.y(s) for s in (a + v + w, a + v, a + w, a))
    return bool(np.abs(y_vw - y_v - y_w + y).max(initial=0) <= 1e-12 * np.abs(y_vw).max(initial=0))


def _smooth_directions(
    probe: Probe, a: Values, rng: np.random.Generator, tolerance: float
) -> tuple[list[Direction], float, list[str]]:
    """Return directions that cross no kink, their step, and the kinks that other directions crossed."""
    kinks, outputs = [], probe.outputs(a)
    for h in STEPS:
        draws: list[Direction] = []
        while len(draws) < DIRECTIONS:
            draw = _draw(probe, a, rng)
            kink = kink_within(probe, a, outputs, draw, h, tolerance)
            if kink:
                kinks.append(kink)
                break
            draws.append(draw)
        else:
            return draws, h, kinks
    return [], h, kinks


def kink_within(
    probe: Probe, a: Values, outputs: dict[str, Values], draw: Direction, h: float, tolerance: float
) -> str:
    """Say where y has two slopes within one step h of `a` along v; "" if it is smooth."""
    first, second, third, last = (probe.outputs(a + s * draw.v) for s in (-h, -h / 2, h / 2, h))
    *_, end = names = list(outputs)

    def excess(name: str) -> Values:
        """S(h) - 4 S(h/2) over h, with S(h) = y(h) - 2 y(0) + y(-h): of the order of h^3 for a smooth function."""
        y2 = 2 * outputs[name]
        return np.abs((last[name] - y2 + first[name]) - 4 * (third[name] - y2 + second[name])) / h

    y, d = outputs[end], draw.d
    slope = float(np.linalg.norm((last[end] - first[end]) * d)) / (2 * h)
    if not np.isfinite(y).all() or (excess(end) * np.abs(d)).sum() <= max(tolerance * slope, _noise(y, d, h)):
        return ""
    for name in names:  # the first output with a bend has the kink
        bend = excess(name)
        rise = np.abs(last[name] - first[name]).max(initial=0) / (2 * h)
        if bend.max(initial=0) > 1e-3 * rise + 1e-14 * np.abs(outputs[name]).max(initial=0) / h:
            break
    index = tuple(int(i) for i in np.unravel_index(bend.argmax(), bend.shape))
    return f"the slope of {name} jumps at {index}"


def _takes_complex(probe: Probe, a: Values, draw: Direction, h: float) -> bool:
    """Return whether forward is the same function for complex numbers as for real ones, by finite differences."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            step = _complex_step(probe, a, draw.v, draw.d)
    except Exception:  # a layer may raise any error for complex numbers
        return False
    return bool(np.isclose(step, extrapolated(h)(probe, a, draw.v, draw.d), rtol=1e-4, atol=1e-6 * abs(step)))


def _noise(y: Values, d: Values, h: float) -> float:
    """Return the error that rounding causes in a difference of y over the step h."""
    return float(8 * np.finfo(float).eps * np.linalg.norm(y) * np.linalg.norm(d) / h)


def _row(
    probe: Probe, method: str, a: Values, draws: list[Direction], slope: Slope, h: float, tolerance: float
) -> GradientRow:
    """Compare <v, claimed> with the measured value for each direction; if they differ, find the worst entry."""
    worst, note, y = 0.0, "", probe.y(a)
    for draw in draws:
        terms = draw.claimed * draw.v
        measured, noise = slope(probe, a, draw.v, draw.d), _noise(y, draw.d, h)
        scale = max(float(np.linalg.norm(terms)), abs(measured))  # size of <v, claimed> for most v
        error = abs(measured - float(terms.sum())) / max(scale, noise / tolerance, np.finfo(float).tiny)
        if not error <= tolerance:
            return _failure(probe, method, a, draw, slope, error)
        if scale and noise > tolerance * scale:
            note = f"imprecise: the error of rounding is {noise / scale:.0e} of this small slope"
        worst = max(worst, error)
    return GradientRow(probe.layer, probe.array, method, worst, True, note)


def _failure(probe: Probe, method: str, a: Values, draw: Direction, slope: Slope, error: float) -> GradientRow:
    """Measure the entries one by one: report the worst, and the likely cause from the pattern of all."""
    claimed, entries = draw.claimed, np.arange(a.size)
    if a.size > ENTRIES:  # the largest, and others at equal distances
        largest = np.argsort(-np.abs(claimed).ravel(), kind="stable")[: ENTRIES // 2]
        entries = np.unique([*largest, *np.linspace(0, a.size - 1, ENTRIES // 2).astype(int)])
    numeric: Values = np.full(a.size, np.nan)
    for n in entries:
        e = np.zeros(a.size)
        e[n] = size_of(a)
        numeric[n] = slope(probe, a, e.reshape(a.shape), draw.d) / e[n]
    numeric = numeric.reshape(a.shape)
    off = np.abs(claimed - numeric)
    off[~np.isfinite(claimed)] = np.inf
    off[np.isnan(off)] = -1
    index = tuple(int(i) for i in np.unravel_index(off.argmax(), off.shape))
    cause = f"likely cause: {likely_cause(claimed, numeric, len(draw.d))}"
    return GradientRow(
        probe.layer, probe.array, method, error, False, cause, index, float(claimed[index]), float(numeric[index])
    )
