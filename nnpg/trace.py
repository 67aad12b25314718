"""A trace is one forward pass: every output by name, and what backward needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nnpg.support.tables import by_hand, data_frame, text_table
from nnpg_kernels import Array

if TYPE_CHECKING:
    import pandas

_COLUMNS = ("output", "shape", "lowest", "highest", "root mean square")


@dataclass(frozen=True, eq=False)
class Trace:
    """One forward pass, immutable: the output of every layer by name, and what each layer saved for backward.

    Prints as a table of the outputs.

    Examples
    --------
    >>> import numpy as np, nnpg
    >>> net = nnpg.build([nnpg.dense(3), nnpg.Tanh()], input_shape=(2,), rng=0)
    >>> trace = net.forward(np.zeros((4, 2)))
    >>> list(trace), trace["tanh1"].shape
    (['input', 'dense1', 'tanh1'], (4, 3))
    """

    outputs: dict[str, Array]
    saved: dict[str, Any]
    intervened: dict[str, tuple[Any, ...]]  # what the interventions on each output saved

    def __getitem__(self, name: str) -> Array:
        if not isinstance(name, str) or name not in self.outputs:
            raise KeyError(f"no output named {name!r} in this trace; it holds {', '.join(self.outputs)}")
        return self.outputs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.outputs)

    @property
    def y(self) -> Array:
        """The last output of the pass."""
        return self.outputs[next(reversed(self.outputs))]

    def __str__(self) -> str:
        """Return the table; a number that is only the rounding of the largest one in the trace is 0."""
        rows = self._rows()
        scale = max((abs(size) for _, _, *sizes in rows for size in sizes if size is not None), default=0.0)
        shown = [
            (name, shape, *(None if size is None else by_hand(size, scale) for size in sizes))
            for name, shape, *sizes in rows
        ]
        return text_table(_COLUMNS, shown)

    def to_frame(self) -> pandas.DataFrame:
        """Return one line per output: its name, shape, lowest and highest value, and root mean square."""
        return data_frame(_COLUMNS, self._rows())

    def _rows(self) -> list[tuple[str, str, float | None, float | None, float | None]]:
        return [(name, "x".join(map(str, o.shape)), *_sizes(o)) for name, o in self.outputs.items()]

    def before(self, name: str) -> Trace:
        """Return the part of the pass before the output `name`."""
        names, _ = list(self.outputs), self[name]
        earlier = names[: names.index(name)]
        return Trace(
            {n: self.outputs[n] for n in earlier},
            {n: self.saved[n] for n in earlier if n in self.saved},
            {n: self.intervened[n] for n in earlier if n in self.intervened},
        )

    def __or__(self, rest: Trace) -> Trace:
        """Return this pass continued by `rest`."""
        return Trace(
            {**self.outputs, **rest.outputs},
            {**self.saved, **rest.saved},
            {**self.intervened, **rest.intervened},
        )


def _sizes(o: Array) -> tuple[float | None, float | None, float | None]:
    """Return the lowest and the highest value and the root mean square; None for an output of no image."""
    if o.size == 0:
        return None, None, None
    return float(o.min()), float(o.max()), float((o * o).mean() ** 0.5)
