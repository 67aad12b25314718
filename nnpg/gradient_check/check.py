"""The checks of a layer and of a network: every derivative is compared with differences of the forward pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg.gradient_check.contract import SEEDS, BrokenContractError, check_class, check_contract
from nnpg.gradient_check.measurement import EXACT, Probe, Values, measure
from nnpg.gradient_check.report import GradientCheckError, GradientReport, GradientRow
from nnpg.layers import Layer, arrays, parameters
from nnpg.network import INPUT, Network
from nnpg.support.arguments import as_flag, as_generator, as_number, as_numbers, as_shape, described
from nnpg.support.network_arguments import as_backend, as_images
from nnpg.trace import Trace
from nnpg_kernels import Backend, load


def gradcheck(
    model: Layer | Network,
    x: npt.ArrayLike | None = None,
    *,
    input_shape: tuple[int, ...] | None = None,
    backend: str | Backend | None = None,
    tolerance: float = 1e-6,
    raise_on_failure: bool = True,
    rng: int | np.random.Generator = 0,
) -> GradientReport:
    """Check every derivative of a layer or a network against its forward pass, in float64.

    For a layer: its contract (shapes, keys, purity, stacked seeds), then dL/dx and the gradient of each parameter.
    For a network: the same for every layer with its own input, then every `deltas[name]` by restarting forward at
    that name, every gradient through the whole network, and stacked seeds against a loop over them.

    Parameters
    ----------
    model : Layer or Network
        A layer may be of any class: a frozen dataclass with the three methods and `parameters`.
    x : array (N, ...), optional
        The images at which derivatives are checked; three random images unless given.
    input_shape : tuple of int, optional
        Shape of one image; needed for a layer without `x`.
    backend : str or Backend, optional
        Unless given, the network's own, or "numpy" for a layer.
    tolerance : float
        Largest relative error of finite differences; for the exact methods (adjoint, complex step) 1e-4 of it.
    raise_on_failure : bool
    rng : int or numpy.random.Generator
        Draws x, the seeds and the directions.

    Returns
    -------
    GradientReport

    Raises
    ------
    GradientCheckError
        If a check fails: the message names layer, array, worst index, both values and the likely cause.
    TypeError, ValueError
        If `model` is neither a layer nor a network, or neither `x` nor `input_shape` is given for a layer.

    Examples
    --------
    >>> import nnpg
    >>> print(gradcheck(nnpg.Tanh(), input_shape=(5,)))
    layer  array  method              error
    Tanh   -      contract            0      ok
    Tanh   x      finite differences  ...    ok
    Tanh   x      complex step        ...    ok
    3 checks, all passed
    >>> net = nnpg.build([nnpg.conv(2, 3), nnpg.Tanh(), nnpg.MaxPool(2)], input_shape=(1, 6, 6), rng=0)
    >>> gradcheck(net).ok
    True
    """
    rng, tolerance = as_generator(rng), as_number(tolerance, "tolerance", above=0)
    raise_on_failure = as_flag(raise_on_failure, "raise_on_failure")
    input_shape = None if input_shape is None else as_shape(input_shape, "input_shape")
    k = None if backend is None else as_backend(backend)
    if isinstance(model, Network):
        x = None if x is None else as_images(model, x, least=1, finite=True)
        rows = list(_network(model, k or model.backend, _images(x, model.input_shape, rng), rng, tolerance))
    elif isinstance(model, type) or not hasattr(model, "forward"):
        raise TypeError(f"gradcheck takes a layer or a network, and an instance of it, not {model!r}")
    else:
        name = type(model).__name__
        rows = list(_layer(name, model, k or load("numpy"), _images(x, input_shape, rng), rng, tolerance))
    report = GradientReport(tuple(rows))
    if raise_on_failure and not report.ok:
        raise GradientCheckError(report)
    return report


def _images(x: npt.ArrayLike | None, shape: tuple[int, ...] | None, rng: np.random.Generator) -> Values:
    if x is not None:
        images = as_numbers(x, "x", "an array (N, ...)", finite=True)
        if images.ndim == 0 or images.size == 0:
            raise ValueError(f"x must be an array (N, ...), at least one image, not {described(images)}")
        return np.array(images, np.float64)
    if shape is None:
        raise ValueError(
            "gradcheck does not know the shape of the layer's input: give x, or input_shape such as (3, 8, 8)"
        )
    return rng.standard_normal((3, *shape))


# A layer


def _layer(
    name: str, layer: Any, k: Backend, x: Values, rng: np.random.Generator, tolerance: float
) -> Iterator[GradientRow]:
    try:
        check_class(layer)
        numbers = {n: k.to_numpy(a) for n, a in arrays(layer).items()}
        typed = {n: k.asarray(a.astype(np.float64) if a.dtype.kind == "f" else a) for n, a in numbers.items()}
        layer = replace(layer, **typed) if typed else layer
        check_contract(layer, k, k.asarray(x), rng)
    except BrokenContractError as error:
        yield GradientRow(name, "-", "contract", np.nan, False, str(error))
        return
    yield GradientRow(name, "-", "contract", 0.0, True)
    yield from measure(_input_probe(name, layer, k, x), rng, tolerance)
    for p in parameters(layer):
        yield from measure(_parameter_probe(name, layer, k, x, p), rng, tolerance)


def _input_probe(name: str, layer: Layer, k: Backend, x: Values) -> Probe:
    def outputs(a: Values) -> dict[str, Values]:
        return {name: k.to_numpy(layer.forward(k, k.asarray(a))[0])}

    def backward(a: Values, d: Values) -> Values:
        return k.to_numpy(layer.backward(k, k.asarray(d), layer.forward(k, k.asarray(a))[1]))

    return Probe(name, "x", x, outputs, backward, layer.forward(k, k.asarray(x))[0].shape)


def _parameter_probe(name: str, layer: Any, k: Backend, x: Values, p: str) -> Probe:
    def outputs(a: Values) -> dict[str, Values]:
        return {name: k.to_numpy(replace(layer, **{p: k.asarray(a)}).forward(k, k.asarray(x))[0])}

    def gradient(a: Values, d: Values) -> Values:
        changed = replace(layer, **{p: k.asarray(a)})
        return k.to_numpy(changed.gradients(k, k.asarray(d), changed.forward(k, k.asarray(x))[1])[p])

    point = np.array(k.to_numpy(getattr(layer, p)))
    return Probe(name, p, point, outputs, gradient, layer.forward(k, k.asarray(x))[0].shape)


# A network


def _network(net: Network, k: Backend, x: Values, rng: np.random.Generator, tolerance: float) -> Iterator[GradientRow]:
    for name, layer in net.layers.items():
        try:
            check_class(layer)
        except BrokenContractError as error:
            yield GradientRow(name, "-", "contract", np.nan, False, str(error))
            return
    net = net.to(k).astype(np.float64)
    passed, inputs = True, net.forward(x, stop=INPUT).y
    for before, (name, layer) in zip(net.names, net.layers.items(), strict=False):
        for row in _layer(name, layer, k, np.array(k.to_numpy(inputs)), rng, tolerance):
            passed &= row.passed
            yield row
            if row.method == "contract" and not row.passed:
                return  # later layers have no inputs
        inputs = net.forward(inputs, start=before, stop=name).y
    if not passed:
        return  # a layer is wrong; the rows of the network would only repeat its error
    trace = net.forward(x)
    for name in net.names[:-1]:
        yield from measure(_delta_probe(net, trace, name), rng, tolerance)
    for name, weights in net.parameters.items():
        for p in weights:
            yield from measure(_gradient_probe(net, trace, name, p), rng, tolerance)
    yield _stacked(net, trace, rng, tolerance * EXACT)


def _delta_probe(net: Network, trace: Trace, name: str) -> Probe:
    """`deltas[name]` of a whole network: forward restarts at that name."""
    k = net.backend
    point = np.array(k.to_numpy(trace[name]))

    def outputs(a: Values) -> dict[str, Values]:
        later = net.forward_unchecked(k.asarray(a), start=name)  # `a` may have an imaginary part
        return {n: k.to_numpy(later[n]) for n in later if n != name}

    def delta(a: Values, d: Values) -> Values:
        later = trace if np.array_equal(a, point) else net.forward(a, start=name)
        return k.to_numpy(net.backward(later, d, stop=name)[name])

    return Probe(name, f'deltas["{name}"]', point, outputs, delta, trace.y.shape)


def _gradient_probe(net: Network, trace: Trace, name: str, p: str) -> Probe:
    """`gradients[name][p]` of a whole network: forward restarts before that layer, with other weights."""
    k, before = net.backend, net.names[net.names.index(name) - 1]

    def forward(a: Values) -> tuple[Network, Trace]:
        changed = net.with_parameters({name: {p: k.asarray(a)}})
        return changed, changed.forward(trace[before], start=before)

    def outputs(a: Values) -> dict[str, Values]:
        _, later = forward(a)
        return {n: k.to_numpy(later[n]) for n in later if n != before}

    def gradient(a: Values, d: Values) -> Values:
        changed, later = forward(a)
        return k.to_numpy(changed.gradients(later, changed.backward(later, d, stop=name))[name][p])

    point = np.array(k.to_numpy(net.parameters[name][p]))
    return Probe(name, f'gradients["{name}"]["{p}"]', point, outputs, gradient, trace.y.shape)


def _stacked(net: Network, trace: Trace, rng: np.random.Generator, tolerance: float) -> GradientRow:
    """Compare seeds (S, N, K) with a loop over S, for every delta and every gradient."""
    k = net.backend

    def derivatives(seed: Values) -> dict[str, Values]:
        deltas = net.backward(trace, seed)
        arrays = {f'deltas["{name}"]': k.to_numpy(a) for name, a in deltas.items()}
        for name, gradients in net.gradients(trace, deltas).items():
            arrays |= {f'gradients["{name}"]["{p}"]': k.to_numpy(a) for p, a in gradients.items()}
        return arrays

    seeds = rng.standard_normal((SEEDS, *trace.y.shape))
    stacked, separate = derivatives(seeds), [derivatives(seed) for seed in seeds]
    worst, error = "", 0.0
    for array, a in stacked.items():
        loop = np.stack([arrays[array] for arrays in separate])
        with np.errstate(invalid="ignore"):  # infinity minus infinity is NaN, which is then the error
            e = float(np.abs(a - loop).max(initial=0) / max(np.abs(loop).max(initial=0), np.finfo(float).tiny))
        worst, error = (array, e) if not e <= error else (worst, error)
    note = "" if error <= tolerance else f"{worst} of stacked seeds differs from that of the seeds one by one"
    return GradientRow("network", "deltas, gradients", "leading axes", error, not note, note)
