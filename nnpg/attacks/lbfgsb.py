"""L-BFGS with bounds for many independent problems at once, in lock-step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg.attacks.quasi_newton import QuasiNewton, take
from nnpg.support.arguments import as_count, as_function, as_number, as_numbers, described
from nnpg_kernels import Array

GIVE_UP = 30  # rejected steps in a row; by then the damping has grown 10^17-fold

Function = Callable[[Array, Array], tuple[Array, Array]]


class Status(IntEnum):
    """How the minimisation of one problem ended.

    CONVERGED and AT_BOUND met a tolerance, AT_BOUND with at least one variable at a bound.
    """

    CONVERGED = 0
    AT_BOUND = 1
    ITERATION_LIMIT = 2
    LINE_SEARCH_FAILED = 3


@dataclass(frozen=True, eq=False)
class Minima:
    """What was found for N problems.

    Parameters
    ----------
    x : array (N, n)
        Inside the bounds exactly.
    fun : array (N,), float64
    gradient : array (N, n)
    status : array (N,) of `Status`
    iterations, evaluations : arrays (N,)
        Accepted steps, and calls of the function.
    """

    x: Array
    fun: Array
    gradient: Array
    status: Array
    iterations: Array
    evaluations: Array

    @property
    def success(self) -> Array:
        """Which problems met a tolerance (N,)."""
        return self.status <= Status.AT_BOUND


@dataclass(eq=False)
class _Running:
    """The problems that are not finished."""

    index: Array
    x: Array
    f: Array
    g: Array
    lower: Array
    upper: Array
    newton: QuasiNewton
    iterations: Array
    evaluations: Array


def minimize_lbfgsb_batched(
    fun: Function,
    x0: npt.ArrayLike,
    bounds: tuple[npt.ArrayLike | None, npt.ArrayLike | None] = (None, None),
    *,
    history: int = 10,
    iterations: int = 1000,
    gtol: float = 1e-5,
    ftol: float = 1e-9,
    noise: float | None = None,
) -> Minima:
    """Minimise N functions of n variables in a box, each on its own, all in one go.

    Each problem has its own curvature pairs, step, bounds and stop; one that is finished leaves the batch. Each round
    evaluates the function once for all that are left. The step is the exact minimiser of the problem's L-BFGS model in
    its box, where Byrd, Lu, Nocedal & Zhu (1995) approximate it by a Cauchy point and a subspace minimisation; see
    `nnpg.attacks.quasi_newton` for the method and why it converges.

    Parameters
    ----------
    fun : function (x, which) -> values (M,), gradients (M, n)
        `x` (M, n) are points of the problems `which` (M,), numbers from 0 to N - 1. A value that is not finite means
        that the step was too long.
    x0 : array (N, n), floating point
        Its type, and its array module (NumPy's or CuPy's), are kept. Points outside the bounds are moved to the nearest
        one inside.
    bounds : (lower, upper)
        Numbers or arrays that broadcast to (N, n); None or infinite for no bound.
    history : int
        Curvature pairs a problem keeps; memory is about N (2 history + 8) n numbers.
    iterations : int
        At most.
    gtol : float
        Converged when no component of the projected gradient is larger.
    ftol : float
        Converged when a step lowers f by no more than this times max(|f|, 1).
    noise : float, optional
        Relative error of the values; 10 machine epsilons of x0's type unless given.

    Returns
    -------
    Minima

    Raises
    ------
    ValueError
        If shapes or bounds do not fit, or a value at x0 is not finite.

    Examples
    --------
    >>> centre = np.array([[0.5, 2.0], [-1.0, 0.25]])
    >>> def fun(x, which):
    ...     r = x - centre[which]
    ...     return (r * r).sum(axis=1), 2 * r
    >>> found = minimize_lbfgsb_batched(fun, np.zeros((2, 2)), (0, 1))
    >>> found.x.round(6)
    array([[0.5 , 1.  ], [0.  , 0.25]])
    >>> [Status(s).name for s in found.status]
    ['AT_BOUND', 'AT_BOUND']
    """
    x, lower, upper = _checked(fun, x0, bounds, history, iterations)
    gtol, ftol = as_number(gtol, "gtol", least=0), as_number(ftol, "ftol", least=0)
    noise = None if noise is None else as_number(noise, "noise", least=0)
    xp, (N, n) = array_module(x), x.shape
    which = xp.arange(N)
    f, g = _evaluate(fun, x, which)
    if not bool(xp.isfinite(f).all()) or not bool(xp.isfinite(g).all()):
        first = int(xp.flatnonzero(~(xp.isfinite(f) & xp.isfinite(g).all(axis=1)))[0])
        raise ValueError(f"the function or its gradient is not finite at x0 of problem {first}: start elsewhere")
    newton = QuasiNewton.start(xp, N, n, history, x.dtype)
    run = _Running(which, x, f, g, lower, upper, newton, xp.zeros(N, xp.int64), xp.ones(N, xp.int64))
    noise = 10 * float(xp.finfo(x.dtype).eps) if noise is None else noise
    done = Minima(x.copy(), f.copy(), g.copy(), xp.zeros(N, xp.int64), xp.zeros(N, xp.int64), xp.ones(N, xp.int64))
    gain = xp.full(N, xp.inf)  # of the last step, as a share of max(|f|, 1); infinite where it was rejected
    while len(run.index):
        steepest = xp.abs(xp.minimum(xp.maximum(run.x - run.g, run.lower), run.upper) - run.x).max(axis=1)
        met = (steepest <= gtol) | (gain <= ftol)
        stuck = run.newton.rejected >= GIVE_UP
        finished = met | stuck | (run.iterations >= iterations)
        if bool(finished.any()):
            _store(xp, done, run, finished, met, stuck)
            run = take(run, xp.flatnonzero(~finished))
            if len(run.index) == 0:
                break
        gain = _round(xp, fun, run, noise)
    return done


def array_module(x: Array) -> ModuleType:
    """Return the module that an array is of: NumPy, or CuPy where it is there."""
    return np if isinstance(x, np.ndarray) else x.__array_namespace__()


def _round(xp: ModuleType, fun: Function, run: _Running, noise: float) -> Array:
    """Propose, evaluate and judge one step of each problem; return what it gained."""
    zero = xp.zeros(len(run.index))
    d, slope = run.newton.step(xp, run.g, run.lower - run.x, run.upper - run.x, zero)
    x = xp.minimum(xp.maximum(run.x + d, run.lower), run.upper)
    f, g = _evaluate(fun, x, run.index)
    broken = xp.flatnonzero(~(xp.isfinite(f) & xp.isfinite(g).all(axis=1)))  # no value there: the step was too long
    f[broken], g[broken] = xp.inf, run.g[broken]
    first = run.newton.rejected == 0
    accepted = run.newton.learn(xp, x - run.x, g - run.g, run.f, f, slope, noise * abs(run.f), zero)
    size = xp.maximum(xp.maximum(abs(run.f), xp.where(accepted, abs(f), 0)), 1)
    gain = xp.where(accepted & first, (run.f - f) / size, xp.inf)
    run.evaluations += 1
    run.iterations += accepted
    run.f = xp.where(accepted, f, run.f)
    run.x[accepted], run.g[accepted] = x[accepted], g[accepted]
    return gain


def _evaluate(fun: Function, x: Array, which: Array) -> tuple[Array, Array]:
    f, g = fun(x, which)
    if f.shape != x.shape[:1] or g.shape != x.shape:
        raise ValueError(
            f"the function must return values {x.shape[:1]} and gradients {x.shape} for x {x.shape}, "
            f"not {f.shape} and {g.shape}"
        )
    return f.astype("float64"), g.astype(x.dtype)


def _store(xp: ModuleType, done: Minima, run: _Running, finished: Array, met: Array, stuck: Array) -> None:
    n = xp.flatnonzero(finished)
    to = run.index[n]
    at_bound = ((run.x == run.lower) | (run.x == run.upper)).any(axis=1)
    status = xp.where(stuck, int(Status.LINE_SEARCH_FAILED), int(Status.ITERATION_LIMIT))
    status = xp.where(met, xp.where(at_bound, int(Status.AT_BOUND), int(Status.CONVERGED)), status)
    for name, value in (("x", run.x), ("fun", run.f), ("gradient", run.g), ("status", status)):
        getattr(done, name)[to] = value[n]
    done.iterations[to], done.evaluations[to] = run.iterations[n], run.evaluations[n]


def _checked(fun: Any, x0: Any, bounds: Any, history: int, iterations: int) -> tuple[Array, Array, Array]:
    """Return start, lower and upper bounds (N, n), or say what is wrong with them."""
    as_function(fun, "fun", "(x, which) -> values, gradients")
    device = hasattr(x0, "__array_namespace__") and not isinstance(x0, np.ndarray | np.generic)
    x = x0 if device else as_numbers(x0, "x0", "a floating-point array (N, n)", finite=True)
    if x.ndim != 2 or x.dtype.kind != "f":
        raise ValueError(f"x0 must be a floating-point array (N, n), one row a problem, not {x.dtype} {x.shape}")
    as_count(history, "history")
    as_count(iterations, "iterations", least=0)
    if not isinstance(bounds, tuple | list) or len(bounds) != 2:
        raise TypeError(f"bounds must be two, (lower, upper), not {described(bounds)}")
    xp, sides = array_module(x), []
    for name, bound, none in (("lower", bounds[0], -np.inf), ("upper", bounds[1], np.inf)):
        on_host = bound is None or device
        given = (
            none if bound is None else bound if on_host else as_numbers(bound, f"bounds: the {name} one", "an array")
        )
        value = xp.asarray(given, x.dtype)
        try:
            sides.append(xp.broadcast_to(value, x.shape).copy())
        except ValueError:
            raise ValueError(f"bounds: the {name} one {value.shape} does not broadcast to x0 {x.shape}") from None
    lower, upper = sides
    if not bool((lower <= upper).all()):  # NaN too
        first = int(xp.flatnonzero(~(lower <= upper).all(axis=1))[0])
        raise ValueError(f"bounds of problem {first}: a lower bound is above the upper one, or is NaN")
    return xp.minimum(xp.maximum(x, lower), upper), lower, upper
