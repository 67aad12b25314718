"""Both passes of a network for one image, output by output: what each line of Eq. 2 is, and how large."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnpg.explanation.explaining import formula_of, prepared
from nnpg.explanation.quantities import OfNumber, OneClass, as_of_number
from nnpg.network import Network, as_network
from nnpg.support.tables import by_hand, data_frame, text_table

if TYPE_CHECKING:
    import pandas

_COLUMNS = ("output", "shape", "|o|", "Eq. 2", "delta", "|delta|", "gradients", "formula")


@dataclass(frozen=True)
class OutputPasses:
    """One output in both passes; sizes are the root of the sum of squares.

    Parameters
    ----------
    output : str
    shape : tuple of int
        Of the output for one image.
    size : float
    factor : str
        The factors of dL/dw = dL/dy . dy/do . do/dw that are multiplied here; "" after the seed's output.
    delta_shape : tuple of int or None
    delta_size : float or None
    gradients : dict
        Shape of the gradient of each parameter.
    formula : str
        First line of the docstring of the layer's forward.
    """

    output: str
    shape: tuple[int, ...]
    size: float
    factor: str
    delta_shape: tuple[int, ...] | None
    delta_size: float | None
    gradients: dict[str, tuple[int, ...]]
    formula: str


@dataclass(frozen=True)
class Passes:
    """Both passes, one line per output; prints as a table.

    Parameters
    ----------
    quantity : str
        What is differentiated, L.
    L : float
    outputs : tuple of OutputPasses
    """

    quantity: str
    L: float
    outputs: tuple[OutputPasses, ...]

    def __str__(self) -> str:
        sizes = max((line.size for line in self.outputs), default=0.0)
        deltas = max((line.delta_size or 0.0 for line in self.outputs), default=0.0)
        lines = [
            replace(
                line,
                size=by_hand(line.size, sizes),
                delta_size=None if line.delta_size is None else by_hand(line.delta_size, deltas),
            )
            for line in self.outputs
        ]
        return f"L = {self.quantity} = {self.L:.6g}\n{text_table(_COLUMNS, _rows(lines))}"

    def to_frame(self) -> pandas.DataFrame:
        """Return one line per output, with the columns of the printed table."""
        return data_frame(_COLUMNS, _rows(self.outputs))

    def to_dict(self) -> dict[str, Any]:
        """Return everything as numbers and texts."""
        return {"quantity": self.quantity, "L": self.L, "outputs": [dict(vars(line)) for line in self.outputs]}


def _rows(outputs: Sequence[OutputPasses]) -> list[tuple[object, ...]]:
    return [
        (
            line.output,
            _size(line.shape),
            line.size,
            line.factor or None,
            _size(line.delta_shape),
            line.delta_size,
            ", ".join(f"{p} {_size(shape)}" for p, shape in line.gradients.items()) or None,
            line.formula,
        )
        for line in outputs
    ]


def explain_passes(
    net: Network,
    x: npt.ArrayLike,
    *,
    classes: OneClass = "predicted",
    labels: npt.ArrayLike | None = None,
    of: OfNumber = "prob",
) -> Passes:
    """Run one image forward and a seed back, and say of each output what is computed there (Lo & Ding 2015, Eq. 2).

        dL/dw = dL/dy . dy/do . do/dw

    The seed is dL/dy; each layer multiplies by its part of dy/do; layers with weights then multiply by do/dw.

    Parameters
    ----------
    net, x, classes, labels, of
        As in `explain`.

    Returns
    -------
    Passes

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(3), nnpg.Softmax()], input_shape=(2,), rng=0)
    >>> passes = explain_passes(net, [[1.0, -1.0]], classes=0)
    >>> [(line.output, line.factor, line.gradients) for line in passes.outputs]
    [('input', 'dy/do', {}), ('dense1', 'dy/do, do/dw', {'W': (3, 2), 'b': (3,)}), ('softmax1', 'dL/dy', {})]
    """
    net, trace, L = prepared(as_network(net), x, classes, labels, as_of_number(of))
    deltas = net.backward(trace, L.seed, start=L.start)
    gradients = net.gradients(trace, deltas)
    lines = []
    for name in net.names:
        o, delta = trace[name][0], deltas.get(name)
        shapes = {p: tuple(g.shape) for p, g in gradients.get(name, {}).items()}
        factors = ["dL/dy" if name == L.start else "dy/do"] if delta is not None else []
        lines.append(
            OutputPasses(
                name,
                tuple(o.shape),
                _norm(net, o),
                ", ".join([*factors, *(["do/dw"] if shapes else [])]),
                None if delta is None else tuple(delta[0].shape),
                None if delta is None else _norm(net, delta),
                shapes,
                formula_of(net, name, "forward"),
            )
        )
    return Passes(L.name, L.value(trace), tuple(lines))


def _norm(net: Network, a: Any) -> float:
    return float(np.linalg.norm(net.backend.to_numpy(a).ravel()))


def _size(shape: tuple[int, ...] | None) -> str | None:
    return None if shape is None else "x".join(map(str, shape))
