"""The launches that take the steps of a training: two a step, or one for many steps of small batches.

They read which step is next, and the order of the images, from memory of the device. So one graph takes any steps of
any epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import ModuleType
from typing import Any, NamedTuple, Protocol

import numpy as np

from nnpg_kernels.backend import Array
from nnpg_kernels.cuda.device import THREADS, blocks
from nnpg_kernels.cuda.resident.numbers import TYPES
from nnpg_kernels.cuda.resident.programs import COMPILING, functions_of
from nnpg_kernels.cuda.resident.training.many import ManySteps
from nnpg_kernels.cuda.resident.training.numbers import Step
from nnpg_kernels.cuda.resident.training.sources import LAUNCHES, MANY, MANY_KERNELS, launch_kernels, training_source

SLOTS = 1024  # gradients in memory; where there are more images in a batch, several leave theirs in one slot, in turn
HALF = 1 << 12  # indices are written as two numbers below this one, which are exact in any type
RATES = np.dtype([("lr", np.float64), ("lr_decay", np.float64), ("momentum", np.float64)])


class Settings(NamedTuple):
    """What is fixed for a training.

    Parameters
    ----------
    batch : int
        Images of a step, of which there are at least as many.
    loss : int
        As in loss.cuh.
    rates : (lr, lr_decay, momentum)
    decays : mapping from (block, "W" or "b") to float
        Factor of w in the gradient of the penalty.
    """

    batch: int
    loss: int
    rates: tuple[float, float, float]
    decays: Mapping[tuple[int, str], float]


class Memory(NamedTuple):
    """The arrays of a training on the device.

    Parameters
    ----------
    x : array (N, ...)
        Images.
    targets : array (N,) or (N, K)
        Labels, or values of the outputs.
    parameters, velocity : array
        All parameters, then the mean of the images where there is one; and their velocities.
    order : array (3 + N,), int64
        The next step, the steps taken when this one is complete, the steps before this epoch, and its images.
    results : array, float64
        N losses, N times whether an image was wrong, then numbers that are 0 if all weights are finite.
    """

    x: Array
    targets: Array
    parameters: Array
    velocity: Array
    order: Array
    results: Array


class Launches(Protocol):
    """What takes steps, on the current stream."""

    def arrange(self) -> None:
        """Write the weights as the kernels read them, from the parameters."""

    def take(self, whole: int, rest: int) -> None:
        """Take as many whole steps, then one of the rest of the images, if there is a rest."""


class TwoLaunches:
    """Two launches a step: a block of threads for each image, then one for each 32 parameters.

    Parameters
    ----------
    xp : module
        CuPy.
    step : Step
    memory : Memory
    settings : Settings
    """

    def __init__(self, xp: ModuleType, step: Step, memory: Memory, settings: Settings) -> None:
        with COMPILING:
            self.kernels, places = _two_launches(xp, step)
        self.step, self.settings, self.memory, dtype = step, settings, memory, memory.x.dtype
        batch, N = settings.batch, len(memory.x)
        self.weights = xp.zeros(step.net.weights_size, dtype)
        slots = xp.zeros(max(1, min(batch, SLOTS) * step.slot_size), dtype)
        rows = xp.zeros(max(4, batch * step.row_size), dtype)
        pieces = step.pieces.copy()
        pieces["decay"] = [settings.decays[owner] for owner in step.owners]
        targets = labels_or_values(xp, memory)
        self.of_images = (memory.x, *targets, memory.order, self.weights, slots, rows, memory.results)
        # of records, an array of a device knows the numbers alone
        state = memory.parameters, memory.velocity
        self.of_update = (xp.asarray(pieces.view(np.int32)), slots, rows, *state, places, self.weights)
        self.broken = memory.results[2 * N :]

    def arrange(self) -> None:
        """Write the weights as the kernels read them."""
        arrange(self.kernels["arrange"], self.memory.parameters, self.weights)

    def take(self, whole: int, rest: int) -> None:
        """Take these steps."""
        for images in [self.settings.batch] * whole + [rest] * (rest > 0):
            self.take_one(images)

    def take_one(self, images: int) -> None:
        """Take the next step, which has as many images."""
        step, settings, memory = self.step, self.settings, self.memory
        in_slots = min(images, SLOTS)
        counts = map(np.int32, (images, settings.batch, len(memory.x), settings.loss, memory.targets.ndim == 1))
        grid, block = (in_slots,), (step.net.threads,)
        self.kernels["train_images"](grid, block, (*self.of_images, *counts), shared_mem=step.shared_bytes)
        sizes = map(np.int32, (images, in_slots, step.slot_size, step.row_size, step.all_parameters))
        args = (*self.of_update, memory.order, self.broken, *sizes, np.array([settings.rates], RATES))
        self.kernels["update"]((len(step.pieces),), (THREADS,), args)


class OneLaunch:
    """One launch for many steps: a cluster of blocks keeps the weights and their velocity in shared memory.

    Parameters
    ----------
    xp, step, memory, settings
        As of `TwoLaunches`.
    many : ManySteps
    """

    def __init__(self, xp: ModuleType, step: Step, many: ManySteps, memory: Memory, settings: Settings) -> None:
        with COMPILING:
            self.kernels = _one_launch(xp, many)
        self.many, self.settings, self.memory = many, settings, memory
        self.weights = xp.zeros(step.net.weights_size, memory.x.dtype)
        blocks_of_layers = range(1 + max(block for block, _ in step.owners))
        decays = [settings.decays.get((block, p), 0.0) for block in blocks_of_layers for p in "Wb"]
        state = memory.parameters, memory.velocity, xp.asarray(np.array(decays))
        N = len(memory.x)
        targets = labels_or_values(xp, memory)
        self.args = (memory.x, *targets, memory.order, self.weights, *state, memory.results, memory.results[2 * N :])

    def arrange(self) -> None:
        """Write the weights as the kernel reads them."""
        arrange(self.kernels["arrange"], self.memory.parameters, self.weights)

    def take(self, whole: int, rest: int) -> None:
        """Take these steps."""
        many, settings, memory = self.many, self.settings, self.memory
        counts = whole + (rest > 0), settings.batch, len(memory.x), settings.loss, memory.targets.ndim == 1
        args = (*self.args, *map(np.int32, counts), np.array([settings.rates], RATES))
        self.kernels["many_steps"]((many.blocks,), (many.threads,), args, shared_mem=many.shared_bytes)


def labels_or_values(xp: ModuleType, memory: Memory) -> tuple[Array, Array]:
    """Return labels and values, of which one is not read."""
    if memory.targets.ndim == 1:
        return memory.targets, xp.zeros(1, memory.x.dtype)
    return xp.zeros(1, np.int64), memory.targets


def arrange(kernel: Any, parameters: Array, weights: Array) -> None:
    """Write parameters to the places where the kernels read them."""
    kernel((blocks(len(parameters)),), (THREADS,), (parameters, weights))


@cache
def _one_launch(xp: ModuleType, many: ManySteps) -> dict[str, Any]:
    functions = functions_of(xp, "the training", training_source(many.text, MANY), tuple(MANY_KERNELS.values()))
    kernels = dict(zip(MANY_KERNELS, functions, strict=True))
    kernels["many_steps"].max_dynamic_shared_size_bytes = many.shared_bytes
    return kernels


@cache
def _two_launches(xp: ModuleType, step: Step) -> tuple[dict[str, Any], Array]:
    """Return the kernels, and the places (2, parameters), int32, to which `arrange` writes each parameter."""
    names = launch_kernels(TYPES[step.dtype.name])
    source = training_source(step.net.text + step.text, LAUNCHES)
    kernels = dict(zip(names, functions_of(xp, "the training", source, tuple(names.values())), strict=True))
    kernels["train_images"].max_dynamic_shared_size_bytes = step.shared_bytes
    size, halves = step.all_parameters, []
    index = xp.arange(size)
    for half in (index % HALF + 1, index // HALF):
        arranged = xp.zeros(step.net.weights_size, step.dtype)
        arrange(kernels["arrange"], half.astype(step.dtype), arranged)
        halves.append(arranged)
    low, high = (half.astype(np.int64) for half in halves)
    owners = high * HALF + low - 1  # -1 where nothing is
    order = xp.argsort(owners)
    owners = owners[order]
    first = order[xp.searchsorted(owners, index, side="left")]
    last = order[xp.searchsorted(owners, index, side="right") - 1]
    return kernels, xp.stack([first, last]).astype(np.int32)
