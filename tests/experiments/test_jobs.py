"""Jobs in several processes: results in order, cores shared, Ctrl-C left to the parent."""

import operator
import signal
from functools import partial

import pytest

from experiments.jobs import run_jobs
from nnpg_kernels.threads import threads_for


@pytest.mark.parametrize("in_processes", [True, False])
def test_results_come_in_the_order_of_the_jobs(in_processes, monkeypatch):
    monkeypatch.setenv("NNPG_NUM_THREADS", "2")
    assert run_jobs(operator.neg, list(range(20)), "numbers", in_processes=in_processes) == list(range(0, -20, -1))
    assert run_jobs(operator.neg, [], "nothing", in_processes=in_processes) == []


def test_processes_share_the_cores(monkeypatch):
    monkeypatch.setenv("NNPG_NUM_THREADS", "4")
    assert run_jobs(threads_for, [100, 100], "threads") == [2, 2]
    assert run_jobs(threads_for, [100] * 9, "threads") == [1] * 9
    assert run_jobs(threads_for, [100], "threads") == [4], "one job has all cores, and needs no process"
    assert threads_for(100) == 4, "the limit is that of the processes"


def test_an_interrupt_is_left_to_the_parent(monkeypatch):
    monkeypatch.setenv("NNPG_NUM_THREADS", "2")
    blocked = partial(signal.pthread_sigmask, signal.SIG_BLOCK)  # of no signals: returns those that are blocked
    assert all(signal.SIGINT in signals for signals in run_jobs(blocked, [(), ()], "blocked signals"))
    assert signal.SIGINT not in blocked(())


def test_an_error_of_a_job_reaches_the_caller(monkeypatch):
    monkeypatch.setenv("NNPG_NUM_THREADS", "2")
    with pytest.raises(TypeError, match="bad operand"):
        run_jobs(operator.neg, ["a", "b"], "numbers")
