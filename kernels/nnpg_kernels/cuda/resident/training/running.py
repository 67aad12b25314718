"""A training that runs on a device: its arrays, the two launches of a step, and the graphs that repeat them.

The launches read which step is next, and the order of the images, from memory of the device. So one graph takes any
steps of any epoch.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from functools import cache, partial
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from nnpg_kernels.backend import Array
from nnpg_kernels.cuda.device import THREADS, blocks
from nnpg_kernels.cuda.graphs import Replays
from nnpg_kernels.cuda.resident.numbers import TYPES
from nnpg_kernels.cuda.resident.programs import COMPILING, functions_of
from nnpg_kernels.cuda.resident.training.numbers import Step
from nnpg_kernels.cuda.resident.training.sources import training_kernels, training_source

SLOTS = 1024  # gradients in memory; where there are more images in a batch, several leave theirs in one slot, in turn
STEPS = 64  # of a graph
WORK = 300_000_000_000  # multiply-adds of a graph at most, so that Python is back in less than LOOK
LOOK = 0.1  # seconds between two looks at the losses, and of replays between two moments in which Python can stop
HEAD = 3  # numbers before the order: next step, steps taken when this one is complete, steps before this epoch
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
    decays : array (pieces,), float64
        Factor of w in the gradient of the penalty, for each piece.
    """

    batch: int
    loss: int
    rates: tuple[float, float, float]
    decays: Array


class TrainingProgram(NamedTuple):
    """The kernels of a training: `arrange`, `train_images`, `update`.

    Parameters
    ----------
    step : Step
    kernels : mapping
    places : array (2, parameters), int32
        Where programs read each parameter.
    """

    step: Step
    kernels: Mapping[str, Any]
    places: Array


def training_program(xp: ModuleType, step: Step) -> TrainingProgram:
    """Return the program of a training; the first call compiles it.

    Parameters
    ----------
    xp : module
        CuPy.
    step : Step
    """
    with COMPILING:
        return _program(xp, step)


@cache
def _program(xp: ModuleType, step: Step) -> TrainingProgram:
    """Compile the kernels, and ask `arrange` where it puts each parameter."""
    names = training_kernels(TYPES[step.dtype.name])
    functions = functions_of(xp, "the training", training_source(step.net.text, step.text), tuple(names.values()))
    kernels = dict(zip(names, functions, strict=True))
    kernels["train_images"].max_dynamic_shared_size_bytes = step.shared_bytes
    size, halves = step.all_parameters, []
    index = xp.arange(size)
    for half in (index % HALF + 1, index // HALF):
        arranged = xp.zeros(step.net.weights_size, step.dtype)
        kernels["arrange"]((blocks(size),), (THREADS,), (half.astype(step.dtype), arranged))
        halves.append(arranged)
    low, high = (half.astype(np.int64) for half in halves)
    owners = high * HALF + low - 1  # -1 where nothing is
    order = xp.argsort(owners)
    owners = owners[order]
    first = order[xp.searchsorted(owners, index, side="left")]
    last = order[xp.searchsorted(owners, index, side="right") - 1]
    return TrainingProgram(step, kernels, xp.stack([first, last]).astype(np.int32))


class RunningTraining:
    """The arrays, launches and graphs of one training.

    Parameters
    ----------
    xp : module
        CuPy.
    program : TrainingProgram
    x : array (N, ...)
        Images.
    targets : array (N,) or (N, K)
        Labels, or values of the outputs.
    parameters, velocity : array
        All parameters in one array, then the mean of the images where there is one; and their velocities.
    settings : Settings
    """

    def __init__(
        self,
        xp: ModuleType,
        program: TrainingProgram,
        x: Array,
        targets: Array,
        parameters: Array,
        velocity: Array,
        settings: Settings,
    ) -> None:
        step, dtype, N, batch = program.step, x.dtype, len(x), settings.batch
        self.program, self.settings, self.N, self.replays = program, settings, N, Replays(xp)
        self.state = xp.zeros((2, len(parameters)), dtype)
        self.parameters, self.velocity = self.state
        # at the last two looks: from the last but one, steps that went wrong are taken again
        self.kept = [xp.zeros_like(self.state), xp.zeros_like(self.state)]
        self.sent, self.received = np.zeros(HEAD + N, np.int64), np.zeros(2 * N + len(step.pieces))
        self.order, self.results = xp.zeros(len(self.sent), np.int64), xp.zeros(len(self.received), np.float64)
        weights = xp.zeros(step.net.weights_size, dtype)
        slots = xp.zeros(max(1, min(batch, SLOTS) * step.slot_size), dtype)
        rows = xp.zeros(max(4, batch * step.row_size), dtype)
        self.labelled = targets.ndim == 1
        labels = targets if self.labelled else xp.zeros(1, np.int64)
        values = xp.zeros(1, dtype) if self.labelled else targets
        pieces = step.pieces.copy()
        pieces["decay"] = settings.decays
        self.of_images = (x, labels, values, self.order, weights, slots, rows, self.results)
        # of records, an array of a device knows the numbers alone
        self.of_update = (xp.asarray(pieces.view(np.int32)), slots, rows, *self.state, program.places, weights)
        self.broken = self.results[2 * N :]
        self.weights, self.at_once = weights, 1  # replays in LOOK seconds
        self.take(batch)  # a capture takes no kernel that has not run before
        self.state[...] = xp.stack([parameters, velocity])
        self.kept[0][...] = self.state
        self.arrange()
        self.replays.begin()
        self.graphs = [(self.replays.capture(partial(self.take_steps, *of)), of, times) for of, times in self.shapes()]

    # Launches, on the current stream

    def take(self, images: int) -> None:
        """Take the next step, which has as many images."""
        step, settings, kernels = self.program.step, self.settings, self.program.kernels
        in_slots = min(images, SLOTS)
        counts = map(np.int32, (images, settings.batch, self.N, settings.loss, self.labelled))
        grid, block = (in_slots,), (step.net.threads,)
        kernels["train_images"](grid, block, (*self.of_images, *counts), shared_mem=step.shared_bytes)
        sizes = map(np.int32, (images, in_slots, step.slot_size, step.row_size, step.all_parameters))
        args = (*self.of_update, self.order, self.broken, *sizes, np.array([settings.rates], RATES))
        kernels["update"]((len(step.pieces),), (THREADS,), args)

    def take_steps(self, whole: int, rest: int) -> None:
        """Take as many whole steps, then one of the rest of the images, if there is a rest."""
        for _ in range(whole):
            self.take(self.settings.batch)
        if rest:
            self.take(rest)

    def arrange(self) -> None:
        """Write the weights for all programs, from the parameters."""
        args = (self.parameters, self.weights)
        self.program.kernels["arrange"]((blocks(len(self.parameters)),), (THREADS,), args)

    # Epochs

    def shapes(self) -> list[tuple[tuple[int, int], int]]:
        """Return the whole steps and the images of the rest of each graph, and how often it is replayed in an epoch."""
        whole, rest = divmod(self.N, self.settings.batch)
        steps = max(1, min(STEPS, WORK // (self.settings.batch * self.program.step.work)))
        if whole + (rest > 0) <= steps:
            return [((whole, rest), 1)]
        times, left = divmod(whole, steps)
        return [((steps, 0), times), *([((left, rest), 1)] if left or rest else [])]

    def epoch(self, order: Array, t: int) -> Iterator[int]:
        """Take the steps of an epoch in this order (N,), from step t on; yield the number done at each look.

        At a look the losses come down. If one is not finite, the steps since the last look are taken again, up to that
        one: so the weights are those after it.
        """
        self.sent[:HEAD] = 0, 0, t
        self.sent[HEAD:] = order
        self.order.set(self.sent, stream=self.replays.stream)
        seen, looked, total = 0, time.perf_counter(), -(-self.N // self.settings.batch)
        try:
            for done in self.replayed():
                if done < total and time.perf_counter() - looked < LOOK:
                    continue
                done = self.look(seen, done)
                yield done
                seen, looked = done, time.perf_counter()
        except BaseException:  # which may give the arrays away
            self.replays.wait()
            raise

    def replayed(self) -> Iterator[int]:
        """Replay the graphs of an epoch; yield the steps so far every LOOK seconds, and at the end, without waiting."""
        done = 0
        for i, (graph, (whole, rest), times) in enumerate(self.graphs):
            while times:
                began, some = time.perf_counter(), min(times, self.at_once)
                self.replays.replay(graph, some)
                times, done = times - some, done + some * (whole + (rest > 0))
                if times or i + 1 < len(self.graphs):
                    self.replays.wait()
                    seconds = max(1e-9, time.perf_counter() - began)
                    self.at_once = max(1, int(some * min(8.0, LOOK / seconds)))
                yield done

    def look(self, seen: int, done: int) -> int:
        """Bring the losses of the steps from `seen` to `done` down; return the number of steps that are to be seen."""
        stream, batch = self.replays.stream, self.settings.batch
        with stream:
            self.kept[1][...] = self.state
            self.received = self.results.get(stream=stream)
            wrong = np.flatnonzero(~np.isfinite(self.losses[seen * batch : done * batch]))
            if len(wrong):
                done = seen + int(wrong[0]) // batch + 1
                self.take_again(seen, done)
            else:
                self.kept.reverse()
        return done

    def take_again(self, seen: int, done: int) -> None:
        """Take the steps from `seen` to `done` again, from the weights of the last look."""
        self.state[...] = self.kept[0]
        self.arrange()
        self.sent[0] = seen
        self.order.set(self.sent, stream=self.replays.stream)
        for at in range(seen, done):
            self.take(min(self.settings.batch, self.N - at * self.settings.batch))
        self.received = self.results.get(stream=self.replays.stream)

    @property
    def losses(self) -> Array:
        """The losses (N,) at the last look, in the order of the epoch."""
        return self.received[: self.N]

    @property
    def wrong(self) -> Array:
        """Which images were wrong (N,), 0 or 1, in the order of the epoch."""
        return self.received[self.N : 2 * self.N]

    def finite(self) -> bool:
        """Return whether all weights were finite after the last step."""
        return not self.received[2 * self.N :].any()
