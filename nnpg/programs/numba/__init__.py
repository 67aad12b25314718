"""Numba's programs: each module has `why_not(net, plan, task)` and `run(net, plan, task, ...)`."""

from __future__ import annotations

from functools import partial
from types import ModuleType
from typing import Any

from nnpg.network import Network
from nnpg.programs import Found, tasks
from nnpg.programs.numba import (
    boundary,
    class_sums,
    gradients,
    outputs,
    pooled_training,
    predict,
    reading,
    selected_training,
    training,
)
from nnpg.programs.numba.knockouts import one, several
from nnpg.programs.plan import plan_of

PROGRAMS: dict[type[Any], ModuleType] = {
    tasks.Predict: predict,
    tasks.Gradients: gradients,
    tasks.ClassSums: class_sums,
    tasks.KnockOut: one,
    tasks.KnockOuts: several,
    tasks.Train: training,
    tasks.TrainPooled: pooled_training,
    tasks.TrainSelected: selected_training,
    tasks.Reading: reading,
    tasks.BoundaryStep: boundary,
    tasks.Outputs: outputs,
}


def find(net: Network, task: tasks.Task) -> Found:
    """Return the program of this task, or why there is none."""
    if type(task) not in PROGRAMS:
        return Found(None, "Numba has no program for it")
    program, plan = PROGRAMS[type(task)], plan_of(net)
    why = program.why_not(net, plan, task)
    return Found(None, why) if why else Found(partial(program.run, net, plan, task))
