"""`explain`: one unit or one weight, what it is computed from, and how its derivative comes about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg.explanation.addresses import Index, address, as_unit, as_weight
from nnpg.explanation.arithmetic import (
    Values,
    before,
    inputs_read,
    is_affine,
    layer_run,
    readers,
    slopes_of_unit,
    slopes_of_units,
    weight_run,
    weight_slopes,
)
from nnpg.explanation.nudging import nudge_unit, nudge_weight
from nnpg.explanation.quantities import OfNumber, OneClass, Quantity, as_of_number, as_one_class, quantity
from nnpg.explanation.results import Explanation
from nnpg.explanation.terms import Terms
from nnpg.network import INPUT, Network, as_network
from nnpg.support.arguments import as_flag, described
from nnpg.support.network_arguments import as_images
from nnpg.support.progress import progress_bar
from nnpg.support.tables import by_hand
from nnpg.trace import Trace
from nnpg_kernels import Array


def explain(
    net: Network,
    x: npt.ArrayLike,
    *,
    unit: str | None = None,
    weight: str | None = None,
    classes: OneClass = "predicted",
    labels: npt.ArrayLike | None = None,
    of: OfNumber = "prob",
    progress: bool | None = None,
) -> Explanation:
    """Explain one number of a network for one image: the terms it is computed from, and those of its derivative.

    Forward, a unit y_j of a layer that is affine is a sum over its inputs x_i,

        y_j = sum_i dy_j/dx_i x_i + constant

    Backward (Lo & Ding 2015, Eq. 2), the delta of a unit is a sum over the units y_j that read it, and the gradient of
    a weight one over the places where it is used:

        dL/dx_i = sum_j dL/dy_j dy_j/dx_i        dL/dw = sum_j dL/dy_j dy_j/dw

    All of it comes from the layer's three methods: dy_j/dx_i is `backward` of a one-hot seed, dy_j/dw is `gradients` of
    it, and the y_j are those that change when x_i or w is moved. It works for layers of any class, and is computed in
    float64.

    Parameters
    ----------
    net : Network
    x : array (1, *net.input_shape)
        One image.
    unit : str
        An output and an index without N, such as "conv2:3,4,5" or "input:0,10,10".
    weight : str
        A parameter and an index, such as "conv2.W:3,1,0,2". Either `unit` or `weight` is needed.
    classes : "predicted", "true" or a class
        The class c of L.
    labels : array (1,), optional
        The true class; needed for `classes="true"`.
    of : "prob", "logit", "logprob" or "loss"
        L is y_c, z_c, log y_c, or the cross-entropy of training with label c.
    progress : bool, optional
        Draw a progress bar; by default, only on a terminal.

    Returns
    -------
    Explanation
        Prints as tables; has `to_frame()`, `to_dict()` and `plot(path)`.

    Raises
    ------
    KeyError
        If there is no output, or parameter, of this name.
    ValueError
        If neither or both of `unit` and `weight` are given, the index is outside, or x is not one image.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(2), nnpg.Tanh(), nnpg.dense(3), nnpg.Softmax()], input_shape=(2,), rng=0)
    >>> print(explain(net, [[1.0, -1.0]], unit="tanh1:1", classes=2, of="logit"))
    tanh1:1 = 0.0598086
    forward: y = tanh x
    that is: tanh 0.05988 = 0.0598086
    dense1          x   dy/dx
    dense1:1  0.05988  0.9964
    <BLANKLINE>
    backward: L = logit of class 2 = 0.125443, dL/do = 0.953196
    dL/dx[n,d] = sum_f delta[n,f] W[f,d]
    dense2    dL/dy   dy/do  product
    dense2:2      1  0.9532   0.9532
    dense2:0      0  0.9043        0
    dense2:1      0  0.5028        0
    sum           -       -   0.9532
    <BLANKLINE>
    measured: moved by -5.08e-05 and +5.08e-05, L is ... and ...
      foretold 0.953195..., happened 0.953195... (relative difference ...)
    """
    net, of, progress = as_network(net), as_of_number(of), None if progress is None else as_flag(progress, "progress")
    if (unit is None) == (weight is None):
        raise ValueError(
            f"explain needs either unit, such as 'input:0,0,0', or weight, such as 'conv1.W:0,0,0,0', not "
            f"unit={described(unit)} and weight={described(weight)}"
        )
    place = as_unit(net, unit) if unit is not None else None
    where = as_weight(net, weight) if weight is not None else None
    net, trace, L = prepared(net, x, classes, labels, of)
    if place:
        return _of_unit(net, trace, L, *place, progress)
    return _of_weight(net, trace, L, *where, progress)  # type: ignore[misc, call-arg]


def prepared(
    net: Network, x: npt.ArrayLike, classes: OneClass, labels: npt.ArrayLike | None, of: OfNumber
) -> tuple[Network, Trace, Quantity]:
    """Return the network in float64, its trace of one image, and what is differentiated.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(2)], input_shape=(2,), rng=0)
    >>> prepared(net, np.zeros((2, 2)), 0, None, "logit")
    Traceback (most recent call last):
    ...
    ValueError: x must be one image of shape (1, 2), not an array float64 (2, 2): take x[n : n + 1] for image n
    """
    image = as_images(net, x, least=1, finite=True)
    if len(image) != 1:
        shape = ", ".join(map(str, net.input_shape))
        raise ValueError(
            f"x must be one image of shape (1, {shape}), not {described(image)}: take x[n : n + 1] for image n"
        )
    net = net.astype(np.float64)
    as_one_class(net, np.zeros((1, net.K)), classes, labels)  # before any work
    trace = net.forward(image.astype(np.float64))
    c = as_one_class(net, net.backend.to_numpy(trace.y), classes, labels)
    return net, trace, quantity(net, trace, c, of)


def formula_of(net: Network, name: str, method: str) -> str:
    """Return the first line of the docstring of a layer's method, and what the interventions on its output add.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.Tanh()], input_shape=(2,), rng=0)
    >>> formula_of(net, "tanh1", "forward"), formula_of(net, "input", "forward")
    ('y = tanh x', 'the image')
    """
    parts: list[Any] = [net.layers[name]] if name != INPUT else []
    parts += list(net.interventions.get(name, ()))
    lines = [_first_line(getattr(type(part), method, None)) for part in parts]
    image = ["the image"] if name == INPUT and method == "forward" else []
    return "; then ".join(filter(None, [*image, *(lines if method == "forward" else lines[::-1])]))


def _first_line(method: Any) -> str:
    lines = (getattr(method, "__doc__", None) or "").strip().splitlines()
    return lines[0].strip().removesuffix(".") if lines else ""


def _of_unit(net: Network, trace: Trace, L: Quantity, name: str, index: Index, progress: bool | None) -> Explanation:
    k, value = net.backend, float(net.backend.to_numpy(trace[name])[(0, *index)])
    inputs, constant, substituted, largest = None, None, "", _largest(net, trace)
    formula = formula_of(net, name, "forward")
    if name != INPUT:
        run, x = layer_run(net, name), np.array(k.to_numpy(trace[before(net, name)])[0])
        slopes = slopes_of_unit(net, trace, name, index)
        affine = is_affine(run, x, index, slopes)
        units = np.argwhere(slopes != 0) if affine else inputs_read(run, x, index, slopes)
        constant = float(run(np.zeros_like(x))[index]) if affine else None
        inputs = Terms(before(net, name), units, x[tuple(units.T)], slopes[tuple(units.T)])
        shown = [by_hand(number, largest) for number in inputs.values.tolist()]
        substituted = "" if affine else _with_numbers(formula, shown, by_hand(value, largest))
    derivative, terms, backward_formula, nudge = None, None, "", None
    if net.names.index(name) <= net.names.index(L.start):
        nudge = nudge_unit(net, trace, L, name, index)
        if name == L.start:
            derivative = float(k.to_numpy(L.seed)[(0, *index)])
        else:
            after = net.names[net.names.index(name) + 1]
            deltas = net.backward(trace, L.seed, start=L.start, stop=name, keep=(name, after))
            derivative = float(k.to_numpy(deltas[name])[(0, *index)])
            units = readers(layer_run(net, after), np.array(k.to_numpy(trace[name])[0]), index)
            parts = slopes_of_units(net, trace, after, units)
            slopes = _joined(parts, index, len(units), progress)
            terms = Terms(after, units, _at(net, deltas[after], units), slopes)
            backward_formula = formula_of(net, after, "backward")
    return Explanation(
        address(name, index), value, L.name, L.value(trace), formula, substituted, inputs, constant, "dL/do",
        derivative, backward_formula, terms, nudge, largest,
    )  # fmt: skip


def _of_weight(
    net: Network, trace: Trace, L: Quantity, layer: str, p: str, index: Index, progress: bool | None
) -> Explanation:
    k, w = net.backend, np.array(net.backend.to_numpy(net.parameters[layer][p]))
    derivative, terms, nudge = None, None, None
    if net.names.index(layer) <= net.names.index(L.start):
        delta = net.backward(trace, L.seed, start=L.start, stop=layer, keep=(layer,))[layer]
        derivative = float(k.to_numpy(net.gradients(trace, {layer: delta})[layer][p])[index])
        units = readers(weight_run(net, trace, layer, p), w, index)
        parts = weight_slopes(net, trace, layer, p, units)
        slopes = _joined(parts, index, len(units), progress)
        terms = Terms(layer, units, _at(net, delta, units), slopes)
        nudge = nudge_weight(net, trace, L, layer, p, index)
    formula = formula_of(net, layer, "gradients")
    return Explanation(
        address(f"{layer}.{p}", index), float(w[index]), L.name, L.value(trace), formula, "", None, None, "dL/dw",
        derivative, formula, terms, nudge,
    )  # fmt: skip


def _joined(parts: Iterator[Values], index: Index, count: int, progress: bool | None) -> Values:
    """Return the slopes with respect to one number, (J,), from parts (J, ...) with respect to all."""
    places: tuple[Any, ...] = (slice(None), *index)
    slopes = [np.zeros(0)]
    with progress_bar("terms", count, show=progress) as advance:
        for part in parts:
            slopes.append(part[places])
            advance(len(part))
    return np.concatenate(slopes)


def _at(net: Network, delta: Array, units: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return the deltas of these units of the one image."""
    return np.array(net.backend.to_numpy(delta)[(0, *units.T)], np.float64)


def _largest(net: Network, trace: Trace) -> float:
    """Return the largest magnitude among the outputs of a pass."""
    return max(float(abs(net.backend.to_numpy(trace[name])).max(initial=0.0)) for name in trace)


def _with_numbers(formula: str, values: Sequence[float], y: float) -> str:
    """Put the one input x into a formula "y = f(x)"; "" where there are several inputs, or the formula is another."""
    head, _, right = formula.partition("=")
    if len(values) != 1 or head.strip() != "y" or "; then " in formula:
        return ""
    number = f"{values[0]:.6g}"
    bracketed = f"({number})"

    def put_in(found: re.Match[str]) -> str:
        return f"{found[1]}{bracketed}" if found[1] or number.startswith("-") else number

    # A number before x is a factor of it: 0.1 x is written 0.1 (3).
    substituted, count = re.subn(r"((?<=\d) |)(?<![A-Za-z_])x(?![A-Za-z_\[])", put_in, right.strip())
    return f"{substituted}{': ' if _has_cases(right) else ' = '}{y:.6g}" if count else ""


def _has_cases(text: str) -> bool:
    """Return whether a formula has a comma outside of parentheses, as in "x where x > 0, 0 elsewhere"."""
    depth = 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            return True
    return False
