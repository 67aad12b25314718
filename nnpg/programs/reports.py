"""A report of how each public function computes its result for a network: compiled, or layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnpg.layers import Sigmoid, Softmax
from nnpg.layers.blocks import block_outputs
from nnpg.losses import Loss, softmax_cross_entropy
from nnpg.network import INPUT, Network, as_network
from nnpg.optimisers import SGD
from nnpg.programs import Found, has_programs, look
from nnpg.programs.attack_tasks import Victim
from nnpg.programs.plan import plan_of
from nnpg.programs.tasks import ClassSums, Gradients, KnockOut, Outputs, Predict, Reading, Task, Train
from nnpg.support.tables import data_frame

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False)
class CompilationReport:
    """How each public function computes, if called with its defaults (`of="logit"` if there are no probabilities).

    Parameters
    ----------
    found : mapping from the function's name to Found
    cost : str
        What it costs that a layer is in no block of the plan, in words; "" where all layers are planned.
    readings : str
        In how many launches of a device an attack reads the network, and why in two, in words; "" without a device.
    """

    found: Mapping[str, Found]
    cost: str = ""
    readings: str = ""

    def __getitem__(self, name: str) -> Found:
        return self.found[name]

    def __str__(self) -> str:
        width = max(map(len, self.found)) + 3
        lines = [f"{name:{width}}{found.computed}" for name, found in self.found.items()]
        return "\n".join([*lines, *filter(None, (self.readings, self.cost))])

    def to_frame(self) -> pandas.DataFrame:
        """Return one line per function: function, computed."""
        return data_frame(("function", "computed"), list(self.to_dict().items()))

    def to_dict(self) -> dict[str, str]:
        """Return how each is computed, in words, for JSON."""
        return {name: found.computed for name, found in self.found.items()}


def compilation_report(net: Network) -> CompilationReport:
    """Return what is compiled and what runs layer by layer, and why: print it to read it.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(3), nnpg.Softmax()], input_shape=(2,), rng=0, backend="numpy")
    >>> print(compilation_report(net))
    predict               layer by layer, because the backend 'numpy' has no compiled programs
    prediction_gradient   layer by layer, because the backend 'numpy' has no compiled programs
    class_gradient        layer by layer, because the backend 'numpy' has no compiled programs
    knock_out_curve       layer by layer, because the backend 'numpy' has no compiled programs
    train                 layer by layer, because the backend 'numpy' has no compiled programs
    unit_changes          layer by layer, because the backend 'numpy' has no compiled programs
    minimal_distortion    layer by layer, because the backend 'numpy' has no compiled programs
    """
    loss = softmax_cross_entropy(as_network(net))
    names = block_outputs(as_network(net).layers)
    units = tuple((name, 0) for name in names or [block.name for block in plan_of(net).blocks[:-1]])
    of = "prob" if isinstance(net.layers.get(net.names[-1]), Softmax | Sigmoid) else "logit"
    gradients = Gradients(names or (INPUT,), of)
    tasks: dict[str, list[Task]] = {
        "predict": [Predict()],
        "prediction_gradient": [gradients],
        "class_gradient": [gradients, ClassSums()],
        "knock_out_curve": [KnockOut(units)],
        "train": [Train(loss, SGD(lr=0.1))],
        "unit_changes": [Outputs(names or tuple(block.name for block in plan_of(net).blocks))],
        "minimal_distortion": [Reading(loss.layer)],
    }
    cost = plan_of(net).cost if has_programs(net) else ""
    found = {name: _all(net, parts) for name, parts in tasks.items()}
    readings = _readings(net, loss) if found["minimal_distortion"] and net.backend.xp is not np else ""
    return CompilationReport(found, cost, readings)


def _readings(net: Network, loss: Loss) -> str:
    """Return how an attack with this loss reads the network on a device, in words."""
    why = look(net, Victim(loss)).why_not
    return f"an attack reads it in two launches, because {why}" if why else "an attack reads it in one launch"


def _all(net: Network, tasks: list[Task]) -> Found:
    """Return the result of the first task that is not compiled, or of the last task."""
    results = [look(net, task) for task in tasks]
    return next((result for result in results if not result), results[-1])
