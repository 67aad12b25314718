"""Prediction gradients on a device: one launch, forward once for each image, then back for each class.

What comes down to the host is launched in parts, and each comes down while the next one is computed.
"""

from __future__ import annotations

import math
from contextlib import nullcontext

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
from nnpg_kernels.cuda.down import Down, host_array
from nnpg_kernels.cuda.resident.programs import multiprocessors, shared_bytes_at_most
from nnpg_kernels.cuda.resident.sources import gradients_of

OF = {"prob": 0, "logit": 1, "logprob": 2}  # as in seeds.cuh


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

    They are parts of one array of the device, or where the task wants them so, of the host.
    """
    k, N, (K,) = net.backend, len(x), plan.blocks[-1].y_shape
    x = guards.images(net.as_input(x), plan.input_shape, plan.dtype)
    chosen = classes if labels is None else labels
    if not is_on_device(chosen):  # labels of the device have been checked
        chosen = guards.indices("classes", chosen, len(chosen), K)
    S = 1 if labels is not None else len(chosen)
    by_block: dict[int, list[str]] = {}
    for name in task.layers:
        by_block.setdefault(plan.places[name].block, []).append(name)
    shapes = {i: plan.blocks[i].y_shape if i >= 0 else plan.input_shape for i in by_block}
    units = {i: math.prod(shape) for i, shape in shapes.items()}
    ends = np.cumsum([0, *(S * N * size for size in units.values())])
    starts = dict(zip(units, map(int, ends), strict=False))
    results = k.xp.empty(int(ends[-1]), plan.dtype)
    host = host_array(k.xp, results.shape, plan.dtype) if task.comes_down else None
    if N and S:
        share = x if weights is None else k.asarray(guards.parameter("weights", weights, (N,), plan.dtype))
        programs, lowest = programs_of(net, plan), min(by_block) + 1
        seeds = programs.made.seeds_together(S, lowest, shared_bytes_at_most(k.xp))
        chosen, parameters = k.asarray(chosen.astype(np.int32)), arranged(net, plan)
        wanted = np.full(1, -1, [("at", np.int64, (len(plan.blocks) + 1,))])
        down = None if host is None else Down(k.xp, results, host)
        with down or nullcontext():
            for first in range(0, S, S if down is None else seeds):
                count = S if down is None else min(seeds, S - first)
                for i, start in starts.items():
                    wanted["at"][0, i + 1] = start + first * N * units[i]
                of_part = chosen if labels is not None else chosen[first : first + count]
                counts = (OF[task.of], N, count, labels is not None, weights is not None)
                args = (x, parameters, of_part, share, results, wanted.copy(), *map(np.int32, counts))
                parts = parts_of(N, -(-count // seeds), multiprocessors(k.xp))
                programs.launch(gradients_of(seeds, lowest), N, args, parts)
                if down is not None:
                    for i, start in starts.items():
                        down.bring(start + first * N * units[i], start + (first + count) * N * units[i])
    found = results if host is None else host
    deltas: dict[str, Array] = {}
    for i, names in by_block.items():
        of_block = found[starts[i] : starts[i] + S * N * units[i]]
        deltas |= {name: of_block.reshape(S, N, *plan.places[name].shape) for name in names}
    return {name: deltas[name] for name in task.layers}


def parts_of(images: int, passes: int, at_once: int) -> int:
    """Return among how many blocks the passes of an image's classes are divided.

    Each block begins with a forward pass, which takes about as long as one pass back. `at_once` blocks run at a time.

    Examples
    --------
    >>> parts_of(165, 2, 132), parts_of(32, 2, 132), parts_of(1, 5, 132)
    (1, 2, 5)
    """

    def lasts(parts: int) -> int:
        return -(-images * parts // at_once) * (1 + -(-passes // parts))

    return min(range(1, passes + 1), key=lasts)
