"""Prediction gradients on a device: one launch, forward once for each image, then back for each class."""

from __future__ import annotations

import math

import numpy as np

from nnpg.network import Network
from nnpg.programs import guards
from nnpg.programs.cuda import limits
from nnpg.programs.cuda.resident import arranged
from nnpg.programs.cuda.resident import programs as programs_of
from nnpg.programs.plan import Plan
from nnpg.programs.tasks import Gradients
from nnpg.support.arguments import is_on_device
from nnpg_kernels import Array

OF = {"prob": 0, "logit": 1, "logprob": 2}  # as in seeds.cuh
BUSY = 128  # blocks of threads that keep a device busy: with fewer images, classes are divided among blocks


def why_not(net: Network, plan: Plan, task: Gradients) -> str:
    """Return why there is no program for these gradients, or ""."""
    if why := limits.why_not(net, plan, backward=True) or limits.no_row(plan):
        return why
    if not plan.head and task.of != "logit":
        return f"the network ends neither in Softmax nor in Sigmoid, and of is {task.of!r}"
    later = [name for name in task.layers if name not in plan.places]
    if later:
        return f"{later[0]} comes after the last block"
    inside = [name for name in task.layers if plan.places[name].inner]
    return f"{inside[0]} is not the output of a block" if inside else ""


def run(
    net: Network,
    plan: Plan,
    task: Gradients,
    x: Array,
    classes: Array,
    labels: Array | None = None,
    weights: Array | None = None,
) -> dict[str, Array]:
    """Return dy_c/do of the outputs: (S, N, ...) for S classes, or (1, N, ...) for the label of each image.

    They are parts of one array of the device.
    """
    k, N, (K,) = net.backend, len(x), plan.blocks[-1].y_shape
    x = guards.images(net.as_input(x), plan.input_shape, plan.dtype)
    chosen = classes if labels is None else labels
    if not is_on_device(chosen):  # labels of the device have been checked
        chosen = guards.indices("classes", chosen, len(chosen), K)
    S = 1 if labels is not None else len(chosen)
    share = k.xp.ones(N, plan.dtype) if weights is None else guards.parameter("weights", weights, (N,), plan.dtype)
    by_block: dict[int, list[str]] = {}
    for name in task.layers:
        by_block.setdefault(plan.places[name].block, []).append(name)
    shapes = {i: plan.blocks[i].y_shape if i >= 0 else plan.input_shape for i in by_block}
    wanted = np.full(1, -1, [("at", np.int64, (len(plan.blocks) + 1,))])
    end = 0
    for i, shape in shapes.items():
        wanted["at"][0, i + 1] = end
        end += S * N * math.prod(shape)
    results = k.xp.empty(end, plan.dtype)
    if N and S:
        programs, one = programs_of(net, plan), S == 1
        parts = min(-(-S // programs.made.seeds), -(-BUSY // N))
        counts = (min(by_block) + 1, OF[task.of], N, S, parts, int(labels is not None))
        on_device = (k.asarray(chosen.astype(np.int32)), k.asarray(share))
        args = (x, arranged(net, plan), *on_device, results, wanted, *map(np.int32, counts))
        programs.launch("gradients_of_one" if one else "gradients", N * parts, args)
    deltas: dict[str, Array] = {}
    for i, names in by_block.items():
        start = int(wanted["at"][0, i + 1])
        of_block = results[start : start + S * N * math.prod(shapes[i])]
        deltas |= {name: of_block.reshape(S, N, *plan.places[name].shape) for name in names}
    return {name: deltas[name] for name in task.layers}
