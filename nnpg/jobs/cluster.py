"""Jobs on the workers of a Dask cluster."""

from __future__ import annotations

import socket
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any

from nnpg.jobs.processes import Do, Failed, HandOver
from nnpg.jobs.progress import Reported, seldom
from nnpg.support.progress import progress_reported
from nnpg_kernels.threads import thread_count, use_threads

ANSWER = 10  # seconds in which a scheduler must answer
SILENCE = 60  # seconds without an outcome after which it is asked whether there are workers
ARRIVAL = 60  # seconds in which there must be one then
IN_ADVANCE = 2  # jobs sent for each that the cluster does at once, so that no worker waits
CLOSING = 1.0  # seconds
TOPIC = "progress of nnpg's jobs"  # of messages of the workers, which Dask passes on


def on_cluster(do: Do, jobs: Mapping[str, Any], address: str, hand_over: HandOver, reported: Reported) -> None:
    """Do jobs on the workers of a cluster, and hand over each outcome as soon as it is there.

    The workers of one machine share its cores. Dask does a job again if its worker is killed; after three times the
    outcome of the job is an error.

    Parameters
    ----------
    do : function
        Returns an outcome, and raises nothing.
    jobs : mapping of names to arguments
    address : str
        Of the scheduler.
    hand_over : function
    reported : function
        Called about twice a second with the share that is done of each job.

    Raises
    ------
    ImportError, ValueError
        As for `cluster_client`.
    TimeoutError
        If the cluster has no worker, or none any more.
    """
    with cluster_client(address) as client, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
        client.wait_for_workers(1, ARRIVAL)
        slots = Counter[str]()  # jobs that each machine does at once
        for worker, threads in client.nthreads().items():
            slots[worker.rpartition(":")[0]] += threads
        waiting, sent, arrivals = iter(jobs.items()), dict[Any, str](), SimpleQueue[Any]()

        def send(n: int) -> None:
            for name, argument in islice(waiting, n):
                work = partial(_on_worker, do, name, argument, max(slots.values()), client.id)
                future = client.submit(work, pure=False)
                sent[future] = name
                future.add_done_callback(arrivals.put)

        def heard(event: tuple[float, tuple[str, str, float]]) -> None:
            of_client, name, share = event[1]
            if of_client == client.id:
                arrivals.put((name, share))

        client.subscribe_topic(TOPIC, heard)
        send(IN_ADVANCE * slots.total())
        while sent:
            try:
                arrival = arrivals.get(timeout=SILENCE)
            except Empty:
                client.wait_for_workers(1, ARRIVAL)
                continue
            if isinstance(arrival, tuple):
                reported(*arrival)
                continue
            future = arrival
            error = future.exception()
            hand_over(sent.pop(future), future.result() if error is None else Failed(error))
            send(1)


def _on_worker(do: Do, name: str, argument: Any, slots: int, client: str) -> Any:
    from distributed import get_worker

    worker = get_worker()

    def tell(share: float) -> None:
        worker.log_event(TOPIC, (client, name, share))

    with use_threads(max(1, thread_count() // slots)), progress_reported(seldom(tell)):
        return do(name, argument)


@contextmanager
def cluster_client(address: str) -> Iterator[Any]:
    """Connect to the scheduler of a Dask cluster.

    Raises
    ------
    ImportError
        If Dask is not installed; says how to install it.
    ValueError
        If no scheduler answers at this address.
    """
    try:
        from distributed import Client
        from distributed.comm import get_address_host_port
    except ImportError as error:
        raise ImportError("work on a Dask cluster needs Dask: pip install 'nnpg[dask]'") from error
    try:
        with socket.create_connection(get_address_host_port(address), ANSWER):
            pass  # a client that finds nobody would say so again as Python ends
        client = Client(address, timeout=ANSWER, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"dask must be the address of a Dask scheduler that answers, as in tcp://127.0.0.1:8786, not {address!r}: "
            "start one with `dask scheduler`, and workers with `dask worker ADDRESS`"
        ) from error
    try:
        yield client
    finally:
        client.close(timeout=CLOSING)
