"""The resident programs of the papers' networks, of which docs/cuda-resources.md says what they need."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import nnpg
from nnpg.programs.plan import plan_of
from nnpg.recipes.models import cifar_net, digit_net, face_net
from nnpg_kernels.cuda.resident.numbers import TYPES, numbers_of
from nnpg_kernels.cuda.resident.programs import shared_bytes
from nnpg_kernels.cuda.resident.sources import name_of, resident_source
from nnpg_kernels.cuda.resident.training.numbers import step_of
from nnpg_kernels.cuda.resident.training.sources import training_kernels, training_source

PROGRAMS = ("predict", "gradients", "gradients_of_one", "knock_out", "deltas")
TRAINING = "train_images"
UPDATES = ("update<float>", "update<double>")


class Instance(NamedTuple):
    """A program of a network, its text, the name of its kernel, and its bytes of shared memory."""

    label: str
    text: str
    kernel: str
    shared: int


def networks() -> dict[str, nnpg.Network]:
    """Return the papers' networks in float32, and that of the faces in float64 too."""
    mlp = [nnpg.dense(100), nnpg.Sigmoid(), nnpg.dense(100), nnpg.Sigmoid(), nnpg.dense(10), nnpg.Softmax()]
    faces = np.zeros((1, 1, 60, 60))
    return {
        "face_net, float": face_net(faces, backend="numpy"),
        "face_net, double": face_net(faces, backend="numpy", dtype="float64"),
        "digit_net, float": digit_net(np.zeros((1, 1, 28, 28)), backend="numpy"),
        "cifar_net, float": cifar_net(np.zeros((1, 3, 32, 32)), backend="numpy"),
        "784-100-100-10, float": nnpg.build(mlp, input_shape=(784,), rng=0, backend="numpy"),
    }


def labels() -> list[str]:
    """Return the labels of all instances, in the order of the table."""
    return [*(f"{program} of {name}" for name in networks() for program in (*PROGRAMS, TRAINING)), *UPDATES]


def instances(bytes_at_most: int) -> list[Instance]:
    """Return the instances for an architecture whose blocks have this much shared memory."""
    made = []
    for name, net in networks().items():
        plan = plan_of(net)
        settings: Any = {"centred": plan.mean is not None, "head": plan.head, "bytes_at_most": bytes_at_most}
        numbers = numbers_of(plan.blocks, plan.dtype, **settings)
        made += [
            Instance(f"{program} of {name}", resident_source(program, numbers.text), name_of(program), size)
            for program in PROGRAMS
            if (size := shared_bytes(numbers, program)) <= bytes_at_most
        ]
        step = step_of(plan.blocks, [True] * len(plan.blocks), plan.dtype, **settings)
        text, kernels = training_source(step.net.text, step.text), training_kernels(TYPES[step.dtype.name])
        if step.shared_bytes <= bytes_at_most:
            made.append(Instance(f"{TRAINING} of {name}", text, kernels[TRAINING], step.shared_bytes))
        if kernels["update"] not in [instance.kernel for instance in made]:
            made.append(Instance(kernels["update"], text, kernels["update"], 0))
    return made
