"""Programs of a device: each module has `why_not(net, plan, task)` and `run(net, plan, task, ...)`.

A whole network lies in the shared memory of a block of threads, which computes one image: `nnpg_kernels.cuda.resident`.
"""

from __future__ import annotations

from functools import partial
from types import ModuleType
from typing import Any

from nnpg.network import Network
from nnpg.programs import Found, tasks
from nnpg.programs.attack_tasks import Victim
from nnpg.programs.cuda import class_sums, gradients, knockout, knockouts, predict, reading, training, victim
from nnpg.programs.plan import plan_of

PROGRAMS: dict[type[Any], ModuleType] = {
    tasks.Predict: predict,
    tasks.Gradients: gradients,
    tasks.ClassSums: class_sums,
    tasks.KnockOut: knockout,
    tasks.KnockOuts: knockouts,
    tasks.Train: training,
    tasks.Reading: reading,
    Victim: victim,
}


def find(net: Network, task: tasks.Task) -> Found:
    """Return the program of this task, or why there is none."""
    if type(task) not in PROGRAMS:
        return Found(None, f"there is no program of {task.name} for a device")
    program, plan = PROGRAMS[type(task)], plan_of(net)
    why = program.why_not(net, plan, task)
    return Found(None, why) if why else Found(partial(program.run, net, plan, task))
