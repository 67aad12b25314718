"""The benchmark harness: it runs, compares before it times, says what it could not do. No test claims a speed."""

import doctest
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
from typer.testing import CliRunner

import nnpg
from benchmarks import ours, sides, workloads
from benchmarks.commands import app
from benchmarks.contender import Contender
from benchmarks.gpu import attack, breakdown, card, floor, rounds, rows, tables
from benchmarks.kinks import near_a_kink
from benchmarks.measuring import agreement, instructions, processes, work
from benchmarks.measuring.agreement import Disagreement, check
from benchmarks.measuring.timing import interleaved
from benchmarks.run import Options, run
from benchmarks.workloads import WORKLOADS, choose

KEYS = {"workload", "competitor", "ours_ms", "theirs_ms", "ratio", "ours_peak_mb", "theirs_peak_mb"}
BY_NAME = {w.name: w for w in WORKLOADS}
FRAMEWORKS = [
    pytest.param("torch", marks=pytest.mark.oracle),
    pytest.param("jax", marks=pytest.mark.skipif(find_spec("jax") is None, reason="needs JAX: the bench extra")),
]


def command(*words: str):
    return CliRunner().invoke(app, ["cpu", *words])


def small(name: str):
    return BY_NAME[name].at_most(3, identities=1)


@pytest.mark.slow
def test_a_quick_run_writes_a_record_and_prints_a_table(tmp_path):
    out = tmp_path / "records.json"
    result = command("--quick", "--only", "gradients-true", "--json", str(out))
    assert result.exit_code == 0, result.output
    (record,) = json.loads(out.read_text())
    assert record.keys() >= KEYS
    assert (record["workload"], record["competitor"]) == ("gradients-true", "nnpg epoch")
    assert record["ratio"] == pytest.approx(record["theirs_ms"] / record["ours_ms"])
    assert record["verdict"] == ""  # a few images prove nothing
    assert "gradients-true" in result.output
    assert record["configuration"]["isa"] in result.output
    assert "Nothing here is a measurement" in result.output


def test_an_absent_competitor_is_reported_with_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(sides, "absent", lambda framework: True)
    out = tmp_path / "records.json"
    result = command("--quick", "--only", "W4", "--json", str(out))
    assert result.exit_code == 0, result.output
    records = json.loads(out.read_text())
    assert [r["competitor"] for r in records] == ["torch", "jax"]
    for r in records:
        assert r["problem"] == "absent: pip install -e '.[bench]'"
        assert r["ours_ms"] > 0
        assert r["ratio"] is None
    assert "absent: pip install -e '.[bench]'" in result.output


def test_an_unknown_workload_lists_the_known_ones():
    result = command("--only", "W1-b1,W99")
    assert result.exit_code == 2
    assert "'w99'" in result.output
    assert all(name in result.output for name in BY_NAME)


def test_bad_settings_are_refused_before_any_work(tmp_path):
    for words in (["--json", str(tmp_path / "no" / "a.json")], ["--backend", "abacus"], ["--rounds", "0"]):
        result = command(*words)
        assert result.exit_code == 2
        assert words[1] in result.output or "--rounds" in result.output


def test_isa_starts_the_command_anew_with_the_variables_of_every_library(monkeypatch):
    started = []

    def execve(*args):
        started.append(args)
        raise SystemExit

    features = ["+avx2"]
    monkeypatch.setattr(instructions, "features_of_processor", lambda: features)
    monkeypatch.setattr(os, "execve", execve)
    command("--isa", "avx2")
    ((program, words, environment),) = started
    assert program == words[0] == sys.executable
    assert words[1:] == sys.orig_argv[1:]
    assert environment.items() >= instructions.CHOICES["avx2"][1].items()
    assert environment["PATH"] == os.environ["PATH"]
    features[0] = "-avx2"
    for isa, told in (("avx2", "does not have the instructions avx2"), ("mmx", "choose of avx2")):
        result = command("--isa", isa)
        assert result.exit_code == 2
        assert told in " ".join(result.output.replace("│", " ").split())


def test_with_the_variables_of_avx2_no_kernel_is_compiled_for_avx512():
    program = "from benchmarks.measuring import instructions, probe; print(instructions.in_use(), probe.HEIGHT)"
    environment = {**os.environ, **instructions.CHOICES["avx2"][1]}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["avx2", "2"]


def test_a_name_before_its_dash_stands_for_all_that_share_it():
    assert [w.name for w in choose("w1,W6")] == ["W1-b1", "W1-b32", "W1-b124", "W6"]
    assert [w.name for w in choose("w7-vgg")] == ["W7-vgg-predict", "W7-vgg-saliency", "W7-vgg-step"]


OF_GPU = [attack, breakdown, card, floor, rounds, rows, tables]


@pytest.mark.parametrize("module", [agreement, instructions, workloads, work, *OF_GPU])
def test_the_examples_in_the_docstrings_hold(module):
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


def test_contenders_take_turns_each_with_its_own_threads():
    events = []

    def contender(name):
        @contextmanager
        def threads():
            events.append(f"{name} in")
            yield
            events.append(f"{name} out")

        return Contender(name, lambda: events.append(name), dict, threads)

    times = interleaved([contender("a"), contender("b")], 2, at_least=0, done=lambda: events.append("round"))
    turn = ["a in", "a", "a", "a out", "b in", "b", "b", "b out"]  # once to warm up, once timed
    assert events == [*turn, *turn, "round", *turn, "round"]
    assert {name: len(t.rounds) for name, t in times.items()} == {"a": 2, "b": 2}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can reset the peak of resident memory")
def test_the_peak_holds_what_was_freed_before_it_was_read():
    def peak(megabytes):
        processes._trim()
        processes._reset_peak()
        before = processes._resident_mb()
        np.ones(megabytes * 1_000_000, np.uint8)
        return processes._peak_mb() - before

    assert 180 <= peak(200) <= 230
    assert peak(20) <= 50  # the earlier, higher peak is forgotten


@pytest.mark.slow
def test_a_process_of_its_own_measures_memory():
    assert 0 < processes.peak_mb(BY_NAME["W1-b32"], "nnpg", "numpy") < 1000


# What is compared before it is timed


TRAIN = {"loss": np.array([2.0, 1.9]), "first W1": np.array([[1e-5, -2e-5]]), "second b1": np.array([3e-6])}
JACOBIAN = {"block 1": np.array([[0.5, -0.25]])}
LOGITS = np.array([[[[0.0, 1.0, 0.5], [2.0, 2.0 - 1e-6, 0.0]]]])  # (1, 1, 2, 3)
SWEEP = {"predictions": np.array([[[1, 0]]])}


def test_equal_answers_agree():
    for answer in (TRAIN, JACOBIAN):
        assert check(answer, answer) == "within 0.0e+00 of the largest value"
    assert "0 of 2" in check(SWEEP, {"logits": LOGITS})
    assert "1 of 2" in check({"predictions": np.array([[[1, 1]]])}, {"logits": LOGITS})  # a tie may go either way


@pytest.mark.parametrize(
    ("answer", "wrong", "told"),
    [
        (TRAIN, {"loss": np.array([2.0, 1.91])}, "loss: differs"),
        (TRAIN, {"first W1": np.array([[1e-5, -2.01e-5]])}, "first W1: differs"),
        (TRAIN, {"second b1": np.array([3.1e-6])}, "second b1: differs"),
        (JACOBIAN, {"block 1": np.array([[0.5, np.nan]])}, "block 1: differs"),
        (JACOBIAN, {"block 1": np.array([[0.5]])}, "shape"),
        (JACOBIAN, {"block 2": np.array([[0.5]])}, "one side has"),
    ],
)
def test_a_wrong_answer_is_found(answer, wrong, told):
    with pytest.raises(Disagreement, match=told):
        check(answer | wrong, answer)
    with pytest.raises(Disagreement):
        check(answer, answer | wrong)


def test_an_image_near_a_kink_is_found_and_no_other():
    """A filter that copies: the pooling windows are the image's own pixels, and their kinks known."""
    recipe = [nnpg.conv(1, 1), nnpg.ReLU(), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(3)]
    net = nnpg.build(recipe, input_shape=(1, 4, 4), rng=0, backend="numpy")
    net = net.replace("conv1", W=np.ones((1, 1, 1, 1), "f4"))
    x = np.tile(np.array([[1.0, 2], [3, 4]]), (4, 1, 2, 2))
    x[1, 0, 0, :2] = 9  # two maxima tie
    x[2, 0, :2, :2] = [[-1, 1e-9], [-1, -1]]  # a rectifier at 0
    x[3, 0, 0, :2] = 2.5  # two tie that are no maxima
    assert near_a_kink(net, x).tolist() == [False, True, True, False]
    smooth = nnpg.build([nnpg.Tanh(), nnpg.MaxPool(2)], input_shape=(1, 4, 4), rng=0, backend="numpy")
    assert near_a_kink(smooth, x).tolist() == [False, True, False, False]
    rectified = nnpg.build([nnpg.ReLU()], input_shape=(1, 4, 4), rng=0, backend="numpy")
    assert near_a_kink(rectified, x).tolist() == [False, False, True, False]


def test_a_wrong_prediction_is_found():
    with pytest.raises(Disagreement, match=r"1 of 2 predictions differ, first .* \(0, 0, 0\)"):
        check({"predictions": np.array([[[2, 0]]])}, {"logits": LOGITS})


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("name", ["W1-b1", "W2", "W3", "W4", "W5-W1", "W6"])
def test_every_configuration_of_a_competitor_agrees_with_us(framework, name):
    pytest.importorskip(framework, reason="install the bench extra: pip install -e '.[bench]'")
    workload = small(name)
    answer = ours.contender(workload, "auto").answer()
    for theirs in sides.competitors(workload, framework, "auto"):
        with theirs.threads():
            check(answer, theirs.answer())


@pytest.mark.oracle
def test_the_rows_of_classes_that_occur_agree_with_pytorch():
    pytest.importorskip("torch", reason="install the bench extra: pip install -e '.[bench]'")
    workload = small("gradients-K1000")
    assert len(np.unique(workload.inputs()[1])) == 3
    assert len(np.unique(BY_NAME["gradients-K1000"].inputs()[1])) == 4
    answer = ours.contender(workload, "auto").answer()
    assert [rows.shape for rows in answer.values()] == [(3, 32, 16, 16), (3, 32, 8, 8), (3, 64, 4, 4)]
    for theirs in sides.competitors(workload, "torch", "auto"):
        with theirs.threads():
            check(answer, theirs.answer())


@pytest.mark.parametrize("name", ["W10-dropout", "W10-group", "W10-pool"])
def test_trainings_layer_by_layer_agree_with_the_compiled_ones(name):
    workload = replace(BY_NAME[name], steps=4)
    compiled = ours.contender(workload, "numba")
    with compiled.threads():
        answer = compiled.answer()
    (theirs,) = sides.competitors(workload, "layers", "numba")
    with nnpg.require_compiled(), pytest.raises(nnpg.NotCompiled, match="take_step"):
        theirs.call()
    check(answer, theirs.answer())


@pytest.mark.oracle
@pytest.mark.parametrize("keep", [0.2, 1.0])
def test_a_round_of_selective_dropout_agrees_with_pytorch(keep):
    pytest.importorskip("torch", reason="install the bench extra: pip install -e '.[bench]'")
    workload = replace(BY_NAME["W10-dropout"], keep=keep)
    answer = ours.contender(workload, "numba").answer()
    for theirs in sides.competitors(workload, "torch", "numba"):
        with theirs.threads():
            check(answer, theirs.answer())


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("W1-b1", {"lr": 1.01e-2}),
        ("W2", {"momentum": 0.8}),
        ("W4", {"net": replace(BY_NAME["W4"].net, activation="tanh")}),
        ("W5-W1", {"net": replace(BY_NAME["W5-W1"].net, activation="relu")}),
    ],
)
def test_a_fault_on_one_side_is_an_error_and_not_a_time(framework, name, fault, monkeypatch):
    pytest.importorskip(framework, reason="install the bench extra: pip install -e '.[bench]'")
    real = ours.contender
    monkeypatch.setattr(ours, "contender", lambda workload, backend: real(replace(workload, **fault), backend))
    workload = replace(BY_NAME[name], competitors=(framework,))
    records = run(workload, Options(rounds=1, quick=True, progress=False))
    assert len(records) >= 1
    for r in records:
        assert r.disagrees
        assert r.problem.startswith("disagrees: ")
        assert r.ratio is None
