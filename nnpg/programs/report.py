"""What of a network is compiled: every public task that may be, and how it is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nnpg.layers import Sigmoid, Softmax
from nnpg.losses import softmax_cross_entropy
from nnpg.network import INPUT, Network
from nnpg.optimisers import SGD
from nnpg.prediction import filter_layers
from nnpg.programs import Found, look
from nnpg.programs.tasks import ClassSums, Gradients, KnockOut, Outputs, Predict, Reading, Task, Train


@dataclass(frozen=True, eq=False)
class Report:
    """How each public function computes, if called with its defaults (`of="logit"` where there are no probabilities).

    Parameters
    ----------
    found : mapping from the function's name to Found
    """

    found: Mapping[str, Found]

    def __getitem__(self, name: str) -> Found:
        return self.found[name]

    def __str__(self) -> str:
        width = max(map(len, self.found)) + 3
        return "\n".join(f"{name:{width}}{found.how}" for name, found in self.found.items())

    def to_dict(self) -> dict[str, str]:
        """Return how each is computed, in words, for JSON."""
        return {name: found.how for name, found in self.found.items()}


def report(net: Network) -> Report:
    """Look for the program of every public task."""
    names = filter_layers(net)
    units = tuple((name, 0) for name in names or [block.name for block in net.plan().blocks[:-1]])
    of = "prob" if isinstance(net.layers.get(net.names[-1]), Softmax | Sigmoid) else "logit"
    gradients = Gradients(names or (INPUT,), of)
    tasks: dict[str, list[Task]] = {
        "predict": [Predict()],
        "prediction_gradient": [gradients],
        "class_gradient": [gradients, ClassSums()],
        "knock_out_curve": [KnockOut(units)],
        "train": [Train(softmax_cross_entropy(net), SGD(lr=0.1))],
        "unit_changes": [Outputs(names or tuple(block.name for block in net.plan().blocks))],
        "minimal_distortion": [Reading(softmax_cross_entropy(net).at)],
    }
    return Report({name: _all(net, wanted) for name, wanted in tasks.items()})


def _all(net: Network, tasks: list[Task]) -> Found:
    """The first that is not compiled, or the last."""
    found = [look(net, task) for task in tasks]
    return next((f for f in found if not f), found[-1])
