"""Where the time of a call goes: launches of resident programs, the device's time in them, and the host's time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

from benchmarks.gpu.card import CupyEvent
from nnpg_kernels.cuda.resident import programs

CALLS = 20


def parts_of(call: Callable[[], object], wait: Callable[[], None], *, quick: bool = False) -> dict[str, Any]:
    """Measure a call that has run before.

    Parameters
    ----------
    call : function
    wait : function
        Returns when the device has done all.
    quick : bool
        One call: only to see that it runs.

    Returns
    -------
    dict
        Of one call: "launches" of each kernel, "kernels_us" of the device from the beginning of each to its end, an
        empty queue before it, and "host_us" until the call returns, what it waits for included. Medians.
    """
    kernels, host, launches = [], [], {}
    for _ in range(1 if quick else CALLS):
        wait()
        began = time.perf_counter()
        call()
        host.append(time.perf_counter() - began)
        wait()
        with _events() as events:
            call()
        wait()
        kernels.append(sum(first.elapsed_time(last) for _, first, last in events))
        launches = {name: sum(name == other for other, _, _ in events) for name, _, _ in events}
    return {"launches": launches, "kernels_us": median(kernels) * 1e3, "host_us": median(host) * 1e6}


@contextmanager
def _events() -> Iterator[list[tuple[str, CupyEvent, CupyEvent]]]:
    """Record an event before and after each launch of a resident program."""
    events: list[tuple[str, CupyEvent, CupyEvent]] = []
    compiled = programs.compiled

    def noted(xp: Any, made: Any, kernel: str) -> Callable[..., None]:
        function = compiled(xp, made, kernel)

        def launch(*args: Any, **settings: Any) -> None:
            first = CupyEvent()
            function(*args, **settings)
            events.append((kernel.split("<")[0], first, CupyEvent()))

        return launch

    programs.compiled = noted
    try:
        yield events
    finally:
        programs.compiled = compiled


def in_words(launches: dict[str, int]) -> str:
    """Return the launches of a call.

    Examples
    --------
    >>> in_words({"arrange": 1, "gradients": 2})
    '1 arrange, 2 gradients'
    """
    return ", ".join(f"{count} {name}" for name, count in launches.items())
