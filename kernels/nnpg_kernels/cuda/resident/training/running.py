"""A training that runs on a device: its epochs, the graphs of its launches, and the losses that come down."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from types import ModuleType

import numpy as np

from nnpg_kernels.backend import Array
from nnpg_kernels.cuda.resident.training.graphs import Replays
from nnpg_kernels.cuda.resident.training.launches import Launches, Memory, OneLaunch, Settings, TwoLaunches
from nnpg_kernels.cuda.resident.training.many import ManySteps
from nnpg_kernels.cuda.resident.training.numbers import Step

STEPS = 64  # of a graph
WORK = 300_000_000_000  # multiply-adds of a graph at most, so that Python is back in less than LOOK
LOOK = 0.1  # seconds between two looks at the losses, and of replays between two moments in which Python can stop
HEAD = 3  # numbers before the order: next step, steps taken when this one is complete, steps before this epoch


class RunningTraining:
    """The arrays and graphs of one training.

    Parameters
    ----------
    xp : module
        CuPy.
    step : Step
    many : ManySteps or None
        Of one launch for many steps; None: two launches a step.
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
        step: Step,
        many: ManySteps | None,
        x: Array,
        targets: Array,
        parameters: Array,
        velocity: Array,
        settings: Settings,
    ) -> None:
        N = len(x)
        self.step, self.settings, self.N, self.replays = step, settings, N, Replays(xp)
        self.state = xp.zeros((2, len(parameters)), x.dtype)
        self.parameters, self.velocity = self.state
        # at the last two looks: from the last but one, steps that went wrong are taken again
        self.kept = [xp.zeros_like(self.state), xp.zeros_like(self.state)]
        self.sent, self.received = np.zeros(HEAD + N, np.int64), np.zeros(2 * N + len(step.pieces))
        self.order, self.results = xp.zeros(len(self.sent), np.int64), xp.zeros(len(self.received), np.float64)
        memory = Memory(x, targets, self.parameters, self.velocity, self.order, self.results)
        self.launches: Launches = (
            OneLaunch(xp, step, many, memory, settings) if many else TwoLaunches(xp, step, memory, settings)
        )
        self.at_once = 1  # replays in LOOK seconds
        self.launches.take(1, 0)  # a capture takes no kernel that has not run before
        self.state[...] = xp.stack([parameters, velocity])
        self.kept[0][...] = self.state
        self.launches.arrange()
        self.replays.begin()
        take = self.launches.take
        self.graphs = [(self.replays.capture(partial(take, *of)), of, times) for of, times in self.shapes()]

    def shapes(self) -> list[tuple[tuple[int, int], int]]:
        """Return the whole steps and the images of the rest of each graph, and how often it is replayed in an epoch."""
        whole, rest = divmod(self.N, self.settings.batch)
        steps = max(1, min(STEPS, WORK // (self.settings.batch * self.step.work)))
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
        self.launches.arrange()
        self.sent[0] = seen
        self.order.set(self.sent, stream=self.replays.stream)
        whole = min(done, self.N // self.settings.batch)
        self.launches.take(whole - seen, self.N % self.settings.batch if done > whole else 0)
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
