"""The resident programs of the papers' networks, of which docs/cuda-resources.md says what they need."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import nnpg
from nnpg.attacks.objective import RIVALS
from nnpg.programs.plan import plan_of
from nnpg.recipes.models import cifar_net, digit_net, face_net
from nnpg_kernels.cuda.resident.numbers import TYPES, numbers_of
from nnpg_kernels.cuda.resident.programs import shared_bytes
from nnpg_kernels.cuda.resident.sources import gradients_of, name_of, resident_source, victim_of
from nnpg_kernels.cuda.resident.training.many import many_steps_of
from nnpg_kernels.cuda.resident.training.numbers import step_of
from nnpg_kernels.cuda.resident.training.sources import (
    LAUNCHES,
    MANY,
    MANY_KERNELS,
    launch_kernels,
    training_source,
)

PROGRAMS = ("predict", "gradients", "gradients_of_one", "knock_out", "deltas", "victim", "victim_of_one")
LOWEST = 1  # the first block's output, or what is nearest to it
TRAINING = "train_images"
BATCHES = 1, 4  # of many_steps
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


def small_networks() -> dict[str, nnpg.Network]:
    """Return the networks whose weights and velocity fit into shared memory too."""
    faces, small = np.zeros((1, 1, 60, 60)), np.zeros((1, 1, 36, 38))
    return {
        "face_net, float": face_net(faces, backend="numpy"),
        "face_net of 36 x 38, float": face_net(small, backend="numpy"),
        "face_net of 36 x 38, double": face_net(small, backend="numpy", dtype="float64"),
    }


def many_labels() -> list[str]:
    """Return the labels of the programs that take many steps a launch."""
    return [f"many_steps of {name}, batch {images}" for name in small_networks() for images in BATCHES]


def labels() -> list[str]:
    """Return the labels of all instances, in the order of the table."""
    return [
        *(f"{program} of {name}" for name in networks() for program in (*PROGRAMS, TRAINING)),
        *UPDATES,
        *many_labels(),
    ]


def instances(bytes_at_most: int, clusters: bool) -> list[Instance]:
    """Return the instances for an architecture whose blocks have this much shared memory, and may have clusters."""
    made = []
    for name, net in networks().items():
        plan = plan_of(net)
        settings: Any = {"centred": plan.mean is not None, "head": plan.head, "bytes_at_most": bytes_at_most}
        numbers = numbers_of(plan.blocks, plan.dtype, **settings)
        seeds = numbers.seeds_together(net.K, LOWEST, bytes_at_most)
        of_victim = numbers.seeds_together(1 + RIVALS, 0, bytes_at_most)
        kernels_of = {"gradients": gradients_of(seeds, LOWEST), "gradients_of_one": gradients_of(1, LOWEST)}
        kernels_of |= {"victim": victim_of(of_victim), "victim_of_one": victim_of(1)}
        made += [
            Instance(f"{program} of {name}", resident_source(kernel, numbers.text), name_of(kernel), size)
            for program in PROGRAMS
            if (size := shared_bytes(numbers, kernel := kernels_of.get(program, program))) <= bytes_at_most
        ]
        step = step_of(plan.blocks, [True] * len(plan.blocks), plan.dtype, **settings)
        text, kernels = training_source(step.net.text + step.text, LAUNCHES), launch_kernels(TYPES[step.dtype.name])
        if step.shared_bytes <= bytes_at_most:
            made.append(Instance(f"{TRAINING} of {name}", text, kernels[TRAINING], step.shared_bytes))
        if kernels["update"] not in [instance.kernel for instance in made]:
            made.append(Instance(kernels["update"], text, kernels["update"], 0))
    return made + many_instances(bytes_at_most, clusters)


def many_instances(bytes_at_most: int, clusters: bool) -> list[Instance]:
    """Return those of the programs that take many steps a launch."""
    made = []
    for net in small_networks().values():
        plan = plan_of(net)
        settings: Any = {"centred": plan.mean is not None, "head": plan.head}
        biases = [True] * len(plan.blocks)
        step = step_of(plan.blocks, biases, plan.dtype, bytes_at_most=bytes_at_most, **settings)
        made += [many_steps_of(step, plan.blocks, biases, n, clusters=clusters, **settings) for n in BATCHES]
    kernel = MANY_KERNELS["many_steps"]
    return [
        Instance(label, training_source(many.text, MANY), kernel, many.shared_bytes)
        for label, many in zip(many_labels(), made, strict=True)
        if not many.why_not(bytes_at_most)
    ]
