"""Named jobs: the same results for any number of processes and any order of ends; failures listed; memory shared."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

import job_work
import numpy as np
import pytest
from selection import slow_except

from nnpg.files import ModelFileError, write_tensors
from nnpg.jobs import KilledError, kept_file, processes, progress, run_jobs, running
from nnpg.jobs.progress import Shares
from nnpg_command import FAILED, Failures, run
from nnpg_kernels.threads import thread_count

NAMES = ("a", "b", "c", "d", "e")


def draw(folder, workers, order=NAMES, seconds=0.0, seed=3, work=job_work.drawn):
    """Draw by jobs of which the first ends last."""
    folder.mkdir(exist_ok=True)
    jobs = {name: (seconds * (len(order) - n), 60) for n, name in enumerate(order)}
    files = {name: folder / f"{name}.safetensors" for name in order}
    return run_jobs(work, jobs, "draws", files=files, workers=workers, rng=seed, progress=False)


def contents(folder):
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


@pytest.mark.parametrize("workers", slow_except({2}, [2, 4]))
def test_results_have_the_same_bytes_for_any_number_of_processes_and_order_of_ends(tmp_path, workers):
    first = draw(tmp_path / "here", 1)
    other = draw(tmp_path / "there", workers, order=NAMES[::-1], seconds=0.03)
    assert contents(tmp_path / "here") == contents(tmp_path / "there")
    assert sorted(path.name for path in (tmp_path / "there").iterdir()) == [f"{name}.safetensors" for name in NAMES]
    for name in NAMES:
        assert all((first[name][key] == other[name][key]).all() for key in ("x", "product", "sum"))
    assert list(other) == list(NAMES[::-1]), "results come in the order of the jobs"


def test_the_generator_of_a_job_depends_on_its_name_and_the_seed_alone(tmp_path):
    results = draw(tmp_path / "all", 1)
    assert len({result["sum"].item() for result in results.values()}) == len(NAMES)
    assert draw(tmp_path / "one", 1, order=("c",))["c"]["sum"] == results["c"]["sum"]
    assert draw(tmp_path / "seed", 1, order=("c",), seed=4)["c"]["sum"] != results["c"]["sum"]


def test_a_job_whose_file_is_there_is_not_done_again(tmp_path):
    log, folder = tmp_path / "log", tmp_path / "results"
    folder.mkdir()

    def call(names):
        files = {name: folder / f"{name}.safetensors" for name in names}
        jobs = {name: (log, name, 0) for name in names}
        return run_jobs(job_work.logged, jobs, "logged", files=files, workers=1, rng=0, progress=False)

    first, every = call("ab"), call("abc")
    assert log.read_text().split() == ["a", "b", "c"]
    assert (first["a"]["x"] == every["a"]["x"]).all()
    (folder / "b.safetensors").write_bytes(b"half of a fi")
    with pytest.raises(ModelFileError, match=r"b\.safetensors"):
        call("ab")


def test_results_are_written_and_read_as_the_caller_says(tmp_path):
    files = {"a": tmp_path / "a.txt"}
    args = {"write": lambda file, n: file.write_text(str(n)), "read": lambda file: file.read_text()}
    assert run_jobs(job_work.halved, {"a": 14}, "halves", files=files, workers=1, **args) == {"a": "7"}
    with pytest.raises(Failures, match=r"a: .*must be a dict from names to arrays, not 7"):
        run_jobs(job_work.halved, {"a": 14}, "halves", files={"a": tmp_path / "b"}, workers=1)
    write_tensors(tmp_path / "c.safetensors", {"x": np.arange(2)}, {"made": "by another program"})
    assert run_jobs(job_work.halved, {"a": 1}, "x", files={"a": tmp_path / "c.safetensors"})["a"]["x"].tolist() == [
        0,
        1,
    ]


@pytest.mark.parametrize("workers", [1, 2])
def test_jobs_that_fail_leave_the_others_and_are_listed(tmp_path, workers, capsys):
    jobs = dict(zip(NAMES, (2, 3, 4, 5, 6), strict=True))
    files = {name: tmp_path / name for name in jobs}
    settings = {"workers": workers, "progress": False, "write": lambda file, n: file.write_text(str(n))}

    def command(words):
        run_jobs(job_work.halved, jobs, "halves", files=files, read=lambda file: file.read_text(), **settings)

    assert run(command, []) == FAILED
    assert capsys.readouterr().err == "error: 2 of 5 jobs failed: b: 3 is odd; d: 5 is odd\n"
    assert contents(tmp_path) == {"a": b"1", "c": b"2", "e": b"3"}
    assert run(command, ["--debug"]) == FAILED
    assert "in the job 'b'" in capsys.readouterr().err


def test_an_error_that_cannot_be_sent_keeps_its_text():
    with pytest.raises(Failures, match=r"b: (RuntimeError: )?TwoPartError: one and two"):
        run_jobs(job_work.two_parts, {"a": 0, "b": 1, "c": 2}, "parts", workers=1, progress=False)


@pytest.mark.slow
def test_a_job_whose_process_is_killed_is_done_again_and_if_that_is_killed_too_it_is_listed(tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    files = {str(n): folder / str(n) for n in range(6)}
    kills = {2: tmp_path / "never made", 4: tmp_path / "killed.once"}
    jobs = {str(n): (n, kills.get(n)) for n in range(6)}
    with pytest.raises(Failures, match=r"^1 of 6 jobs failed: 2: its process was killed twice") as failures:
        run_jobs(
            job_work.killing, jobs, "numbers", files=files, workers=2, progress=False,
            write=lambda file, n: file.write_text(str(n)),
        )  # fmt: skip
    assert isinstance(failures.value.exceptions[0], KilledError)
    assert sorted(contents(folder)) == ["0", "1", "3", "4", "5"]
    assert kills[4].exists()


def test_a_job_that_was_sent_behind_a_killed_one_is_not_taken_for_killed(monkeypatch):
    """joblib may send the next jobs into a pool whose process is gone, before it says that it is gone."""
    pools = []

    def pool(do, jobs, sent, folder, processes, at_once, hand_over, look):
        pools.append(list(jobs))
        for name in jobs:
            sent.append(name)
            if name == "b":
                sent.extend(set(jobs) - set(sent))
                raise BrokenProcessPool
            hand_over(name, name)

    monkeypatch.setattr(processes, "_in_one_pool", pool)
    with pytest.raises(Failures, match=r"^1 of 4 jobs failed: b: its process was killed twice"):
        run_jobs(abs, dict.fromkeys("abcd", 0), "numbers", workers=2, progress=False)
    assert [sorted(jobs) for jobs in pools] == [["a", "b", "c", "d"], ["b", "c", "d"], ["c", "d"]]


def test_processes_share_the_cores_and_leave_ctrl_c_to_the_parent(monkeypatch):
    monkeypatch.setenv("NNPG_NUM_THREADS", "4")
    seen = run_jobs(job_work.surroundings, dict.fromkeys("abcd"), "threads", workers=2, progress=False).values()
    assert len({process["pid"] for process in seen} - {os.getpid()}) == 2
    assert {(process["threads"], process["NNPG_NUM_THREADS"]) for process in seen} == {(2, "2")}
    assert {process["OPENBLAS_NUM_THREADS"] for process in seen} == {"1"}
    assert all(signal.SIGINT in process["blocked"] for process in seen)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    assert all(process["nested"] == {process["pid"]} for process in seen), "a job does its own jobs itself"
    assert thread_count() == 4, "the limit is that of the processes"
    (alone,) = run_jobs(job_work.surroundings, {"a": None}, "threads", progress=False).values()
    assert (alone["pid"], alone["threads"]) == (os.getpid(), 4), "one job has all cores, and needs no process"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="measures memory as Linux shows it")
@pytest.mark.parametrize("megabytes", slow_except({64}, [64, 1024]))
def test_a_large_array_is_mapped_and_not_copied(megabytes):
    array = np.ones(megabytes << 17)
    seen = run_jobs(job_work.weighed, dict.fromkeys("abc", (0, array)), "sums", workers=2, progress=False)
    for kind, total, grown in seen.values():
        assert kind == "memmap"
        assert total == array.size
        assert grown < array.nbytes / 20


@pytest.fixture
def advanced(monkeypatch):
    """When the bar of the jobs advances, and by how much."""
    seen = []

    @contextmanager
    def bar(label, total, show, done):
        assert (label, show, done) == ("waits", False, 0)
        yield lambda n=1: seen.append((time.monotonic(), n))

    monkeypatch.setattr(running, "progress_bar", bar)
    return seen


def test_progress_comes_back_as_the_jobs_end(advanced):
    ended = run_jobs(job_work.timed, {"long": 1.0, "a": 0.01, "b": 0.01}, "waits", workers=2, progress=False)
    assert [n for _, n in advanced] == [1, 1, 1]
    assert advanced[1][0] < ended["long"], "the first two are there before the long one ends"


@pytest.mark.parametrize("workers", [1, 2])
def test_the_progress_inside_of_jobs_comes_back_and_they_draw_no_bars(advanced, capfd, workers, monkeypatch):
    monkeypatch.setattr(progress, "PERIOD", 0.1)
    monkeypatch.setattr(processes, "PERIOD", 0.1)
    ended = run_jobs(job_work.in_quarters, {"a": 1.0, "b": 1.0}, "waits", workers=workers, progress=False)
    before = sum(n for when, n in advanced if when < min(ended.values()))
    assert 0.25 <= before < 2, "a quarter of a job, at least"
    assert sum(n for _, n in advanced) == pytest.approx(2)
    assert len(advanced) >= 5
    assert capfd.readouterr().err == ""


def test_a_job_that_is_done_again_is_not_counted_again():
    advanced = []
    shares = Shares(advanced.append)
    for share in (0.25, 0.75, 0.25, 0.5, float("nan"), 1.0):
        shares.reported("a", share)
    shares.ended("a")
    shares.reported("a", 0.5)  # arrives late
    shares.ended("b")
    assert advanced == [0.25, 0.5, 0.25, 0, 1]


def test_wrong_arguments_are_refused_before_any_work(tmp_path):
    jobs, file = {"a": 2}, tmp_path / "a"
    for wrong, words in [
        ({"files": {"b": file}}, r"files must have the names of the jobs, \['a'\], not \['b'\]"),
        ({"jobs": {"a": 2, "b": 4}, "files": {"a": file, "b": file}}, "files must be another one for each job"),
        ({"workers": 0}, "workers must be"),
        ({"workers": 2, "dask": "tcp://127.0.0.1:1"}, "workers must be None where .* is the cluster, not 2"),
        ({"rng": -1}, "rng must be"),
    ]:
        with pytest.raises(ValueError, match=words):
            run_jobs(**{"work": job_work.halved, "jobs": jobs, "label": "halves", **wrong})
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        run_jobs(job_work.halved, jobs, "halves", files={"a": tmp_path / "none" / "a"})
    assert list(tmp_path.iterdir()) == []


def test_the_file_of_a_result_is_named_after_its_causes_and_its_version(tmp_path):
    facts = {"seed": 1, "x": np.arange(3)}
    first = kept_file(tmp_path, "a net", facts)
    assert first == kept_file(tmp_path, "a net", facts, version=1)
    others = [kept_file(tmp_path, "a net", facts, version=version) for version in (2, 3)]
    others += [kept_file(tmp_path, "a net", {**facts, "x": np.arange(4)}), kept_file(tmp_path / "b", "a net", facts)]
    assert len({first, *others}) == 5
    assert first.name == "a-net-seed-1-9ac5477eb44fdac9.safetensors", "networks that were trained before are found"
