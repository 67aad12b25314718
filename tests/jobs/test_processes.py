"""Processes of jobs: killed at random, stopped by Ctrl-C, started with no compiled kernel; and those of Dask."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import job_work
import numpy as np
import pytest

import nnpg.jobs.cluster
from nnpg.jobs import run_jobs
from nnpg_command import Failures

ROOT = Path(__file__).parent.parent.parent
PROCESSES = Path("/proc")
pytestmark = pytest.mark.skipif(not (PROCESSES / "self").exists(), reason="finds processes as Linux shows them")
NAMES = tuple(f"job {n}" for n in range(24))
PROGRAM = """
import sys
from pathlib import Path
import job_work
from nnpg.jobs import run_jobs
from nnpg_command import main

def command(words):
    folder, workers = Path(words[0]), int(words[1])
    names = [f"job {n}" for n in range(24)]
    jobs = {name: (folder / "log", name, 0.1) for name in names}
    files = {name: folder / "results" / f"{name}.safetensors" for name in names}
    run_jobs(job_work.logged, jobs, "logged", files=files, workers=workers, rng=5, progress=False)

main(command)
"""
ON_CLUSTER = """
import sys
from pathlib import Path
import job_work
from nnpg.jobs import run_jobs
from nnpg_command import main
jobs = {str(n): (Path(sys.argv[1]) / "log", "begun", 5.0) for n in range(8)}
main(lambda words: run_jobs(job_work.logged, jobs, "waits", dask=words[1], rng=0))
"""
STUCK = """
import sys
from pathlib import Path
import job_work
from nnpg.jobs import run_jobs
from nnpg_command import main
main(lambda words: run_jobs(job_work.stuck, {"a": Path(words[0]), "b": Path(words[0])}, "stuck", workers=2))
"""


def start(program, *words):
    """Start a program in a session of its own, so that its processes can be found."""
    path = os.pathsep.join(map(str, (ROOT, ROOT / "kernels", ROOT / "tests")))
    environment = os.environ | {"PYTHONPATH": path}
    command = [sys.executable, "-c", program, *map(str, words)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True)


def processes_of(session):
    """Return the command line of each process of a session."""
    found = {}
    for folder in PROCESSES.glob("[0-9]*"):
        try:
            state, _, _, own_session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            if int(own_session) == session and state != "Z":
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (OSError, ValueError):  # it has ended
            continue
    return found


def left_after(session, seconds):
    """Return the processes of a session that there are after so many seconds."""
    end = time.monotonic() + seconds
    while processes_of(session) and time.monotonic() < end:
        time.sleep(0.05)
    return processes_of(session)


@pytest.mark.parametrize("whole_group", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_ctrl_c_ends_all_processes_within_2_seconds(tmp_path, whole_group):
    with start(STUCK, tmp_path) as process:
        while len(list(tmp_path.iterdir())) < 2:
            assert process.poll() is None
            time.sleep(0.05)
        sent = time.monotonic()
        (os.killpg if whole_group else os.kill)(process.pid, signal.SIGINT)
        _, err = process.communicate()
        assert time.monotonic() - sent < 2
    assert (process.returncode, err) == (130, "stopped\n")
    assert left_after(process.pid, 1) == {}


class Killed:
    """Calls that were killed, and processes of jobs that were."""

    def __init__(self):
        self.chance, self.parents, self.workers = random.Random(0), 0, 0
        self.of_parents = self.chance.sample([True] * 7 + [False] * 13, 20)  # which of the 20 are calls

    def some_process(self, call, log):
        """Kill a process of this call soon after a job has begun; return whether there was one to kill."""
        begun = len(log.read_text())
        while len(log.read_text()) == begun and call.poll() is None:
            time.sleep(0.01)
        time.sleep(self.chance.uniform(0, 0.3))
        found = processes_of(call.pid).items()
        workers = [pid for pid, line in found if "popen_loky" in line]
        if call.poll() is not None:
            return False
        if self.of_parents[self.parents + self.workers]:
            victim = call.pid
        elif workers:
            victim = self.chance.choice(workers)
        else:  # none has begun, or all have just ended
            return True
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:  # it has just ended
            return True
        if victim == call.pid:
            self.parents += 1
        else:
            self.workers += 1
        return True


@pytest.mark.slow
def test_killed_20_times_at_random_nothing_is_done_twice_and_the_bytes_are_the_same(tmp_path, monkeypatch):
    """Processes of the jobs and their parent are killed, and the call is made again until all is done."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    results, log, killed = tmp_path / "results", tmp_path / "log", Killed()
    results.mkdir()
    log.touch()
    for _ in range(100):  # calls: about 20 are needed
        if killed.parents + killed.workers == 20:
            break
        begun, before = log.read_text().split("\n"), killed.workers
        done = {path.stem for path in results.glob("job *")}  # a killed process also leaves parts of files
        if len(done) == len(NAMES):
            for path in results.iterdir():
                path.unlink()
            done = set()
        with start(PROGRAM, tmp_path, 2) as call:
            while killed.parents + killed.workers < 20 and killed.some_process(call, log):
                continue
            _, err = call.communicate()
        assert call.returncode in (0, -signal.SIGKILL) or "killed twice" in err, err
        assert left_after(call.pid, 5) == {}
        jobs = log.read_text().split("\n")[len(begun) - 1 : -1]
        assert not set(jobs) & done, "a job whose file was there was done again"
        again = len(jobs) - len(set(jobs))
        assert again <= 2 * (killed.workers - before), "only the jobs of killed processes are done again"
    assert (killed.parents, killed.workers) == (7, 13)
    left = [path.name for path in (tmp_path / "temporary").glob("nnpg-*")]
    assert len(left) < killed.parents / 2, "the processes of a parent that was killed remove its folder"
    alone = tmp_path / "alone"
    (alone / "results").mkdir(parents=True)
    for folder, workers in ((tmp_path, 2), (alone, 1)):
        with start(PROGRAM, folder, workers) as call:
            assert call.wait() == 0
    assert left_after(call.pid, 5) == {}
    for name in NAMES:
        file = f"results/{name}.safetensors"
        assert (tmp_path / file).read_bytes() == (alone / file).read_bytes()


@pytest.mark.slow
def test_kernels_are_compiled_once_and_not_by_each_process(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    missed = run_jobs(job_work.compiled, dict.fromkeys("abcd", 3), "compiling", workers=4, progress=False)
    kernels = list(tmp_path.rglob("*.kernel"))
    assert len(kernels) > 3
    assert sum(missed.values()) == len(kernels)


@contextmanager
def two_processes():
    """Yield the address of a Dask cluster of two processes."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0", protocol="tcp"
    ) as cluster:
        yield cluster.scheduler_address


@pytest.fixture(scope="module")
def cluster():
    """The same one for several tests."""
    with two_processes() as address:
        yield address


def draw(folder, **settings):
    folder.mkdir()
    jobs = {name: (0.01 * n, 60) for n, name in enumerate(NAMES)}
    files = {name: folder / f"{name}.safetensors" for name in jobs}
    return run_jobs(job_work.drawn, jobs, "draws", files=files, rng=3, progress=False, **settings)


@pytest.mark.slow
def test_a_dask_cluster_gives_the_same_bytes_and_shares_its_cores(tmp_path, cluster):
    draw(tmp_path / "here", workers=1)
    draw(tmp_path / "there", dask=cluster)
    for name in NAMES:
        file = f"{name}.safetensors"
        assert (tmp_path / "here" / file).read_bytes() == (tmp_path / "there" / file).read_bytes()
    seen = run_jobs(job_work.surroundings, dict.fromkeys("abcdef"), "threads", dask=cluster, progress=False).values()
    assert len({worker["pid"] for worker in seen} - {os.getpid()}) == 2
    assert {worker["threads"] for worker in seen} == {max(1, len(os.sched_getaffinity(0)) // 2)}


@pytest.mark.slow
def test_the_progress_inside_of_jobs_on_a_cluster_comes_back(cluster, monkeypatch):
    advanced = []

    @contextmanager
    def bar(label, total, show, done):
        yield lambda n=1: advanced.append((time.monotonic(), n))

    monkeypatch.setattr(nnpg.jobs.running, "progress_bar", bar)
    ended = run_jobs(job_work.in_quarters, {"a": 4.0, "b": 4.0}, "waits", dask=cluster, progress=False)
    assert 0.25 <= sum(n for when, n in advanced if when < min(ended.values())) < 2
    assert sum(n for _, n in advanced) == pytest.approx(2)


@pytest.mark.slow
def test_jobs_that_fail_on_a_cluster_leave_the_others(cluster):
    jobs = {"a": 2, "b": 3, "c": 4}
    with pytest.raises(Failures, match=r"^1 of 3 jobs failed: b: 3 is odd$"):
        run_jobs(job_work.halved, jobs, "halves", dask=cluster, progress=False)


@pytest.mark.slow
def test_jobs_whose_worker_is_killed_are_done_again_by_the_cluster(tmp_path):
    jobs = {str(n): (n, tmp_path / "killed.once" if n == 1 else None) for n in range(4)}
    with two_processes() as cluster:
        results = run_jobs(job_work.killing, jobs, "numbers", dask=cluster, progress=False)
    assert results == {str(n): n for n in range(4)}


@pytest.mark.slow
def test_a_cluster_that_loses_its_workers_is_an_error_and_no_endless_wait(monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(nnpg.jobs.cluster, "SILENCE", 1)
    monkeypatch.setattr(nnpg.jobs.cluster, "ARRIVAL", 5)
    settings = {"dashboard_address": "127.0.0.1:0", "threads_per_worker": 1}
    with distributed.LocalCluster(n_workers=0, **settings) as cluster, pytest.raises(TimeoutError):
        run_jobs(job_work.halved, {"a": 2}, "halves", dask=cluster.scheduler_address, progress=False)
    with distributed.LocalCluster(n_workers=1, **settings) as cluster:
        shrinking = threading.Timer(3, cluster.scale, (0,))
        shrinking.start()
        with pytest.raises(TimeoutError):
            run_jobs(job_work.timed, {"a": 60.0}, "waits", dask=cluster.scheduler_address, progress=False)
        shrinking.join()


@pytest.mark.slow
def test_large_arrays_reach_a_cluster(cluster):
    array = np.ones(8 << 17)
    seen = run_jobs(job_work.weighed, dict.fromkeys("abc", (0, array)), "sums", dask=cluster, progress=False)
    assert {total for _, total, _ in seen.values()} == {array.size}


@pytest.mark.slow
def test_ctrl_c_ends_work_on_a_cluster_within_2_seconds_and_no_further_job_is_begun(tmp_path, cluster):
    log = tmp_path / "log"
    log.touch()
    with start(ON_CLUSTER, tmp_path, cluster) as process:
        while not log.read_text():
            assert process.poll() is None
            time.sleep(0.05)
        sent = time.monotonic()
        os.kill(process.pid, signal.SIGINT)
        _, err = process.communicate()
        assert time.monotonic() - sent < 2
    assert (process.returncode, err) == (130, "stopped\n")
    assert left_after(process.pid, 1) == {}
    time.sleep(6)
    assert len(log.read_text().splitlines()) <= 2


def test_without_a_scheduler_nothing_is_begun(tmp_path):
    pytest.importorskip("distributed")
    with pytest.raises(ValueError, match=r"dask must be the address of a Dask scheduler that answers, .*not 'nowhere'"):
        run_jobs(job_work.halved, {"a": 2}, "halves", dask="nowhere")
