"""`nnpg train`: the model's file and its provenance, checkpoints, and Ctrl-C."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import nnpg
from nnpg.files import describe, read_tensors

FAST = ("--epochs", 3, "--batch", 4)


def weights(path):
    return read_tensors(path)[0]


def same(a, b) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def test_it_learns_and_says_what_to_do_next(run, bars, tmp_path) -> None:
    answer = run("train", "--data", bars, "--epochs", 8, "--batch", 4, "--save", tmp_path / "m.safetensors")
    assert answer.code == 0
    assert "18 training and 6 test images" in answer.out
    assert "test error     0.0% (0 of 6)" in answer.out
    assert f"nnpg rank {tmp_path / 'm.safetensors'}" in answer.out


def test_without_save_the_command_says_that_the_model_is_not_saved(run, bars, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "not saved" in run("train", "--data", bars, "--epochs", 1).out
    assert list(tmp_path.iterdir()) == []


def test_the_file_records_how_it_was_made(run, bars, tmp_path) -> None:
    path = tmp_path / "m.safetensors"
    report = run(
        "train", "--data", bars, *FAST, "--seed", 4, "--lr", 0.02, "--momentum", 0.5, "--save", path, "--json"
    ).json
    provenance = describe(path)["provenance"]
    assert provenance == report["provenance"]
    assert provenance["model"] == "cifar_net"
    assert provenance["data"]["data"] == str(bars)
    assert provenance["data"]["split_seed"] == 4
    assert provenance["data"]["classes"] == ["left", "middle", "right"]
    assert {k: provenance["training"][k] for k in ("epochs", "batch", "lr", "momentum", "seed")} == {
        "epochs": 3,
        "batch": 4,
        "lr": 0.02,
        "momentum": 0.5,
        "seed": 4,
    }
    assert [epoch["epoch"] for epoch in report["history"]] == [1, 2, 3]
    assert provenance["test_error"] == report["history"][-1]["validation_error"]


def test_the_result_depends_on_the_seed_only(run, bars, tmp_path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run("train", "--data", bars, *FAST, "--seed", seed, "--save", tmp_path / f"{name}.safetensors")
    a, b, c = (weights(tmp_path / f"{name}.safetensors") for name in "abc")
    assert same(a, b)
    assert not same(a, c)


def test_a_stopped_run_goes_on_to_the_same_weights(run, bars, tmp_path, monkeypatch) -> None:
    import nnpg

    whole, resumed, checkpoint = (tmp_path / f"{name}.safetensors" for name in ("whole", "resumed", "checkpoint"))
    args = ("train", "--data", bars, "--batch", 4, "--momentum", 0.9, "--epochs", 4)
    run(*args, "--save", whole)
    real = nnpg.train

    def stopped(*a, **settings):
        real(*a, **settings | {"epochs": 2})
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(nnpg, "train", stopped)
        answer = run(*args, "--checkpoint", checkpoint)
    assert answer.code == 130
    assert "holds epoch 2" in answer.err
    assert "--resume" in answer.err
    assert run(*args, "--checkpoint", checkpoint, "--resume", "--save", resumed).code == 0
    assert same(weights(whole), weights(resumed))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send")
def test_a_real_ctrl_c_leaves_the_checkpoint(bars, tmp_path) -> None:
    checkpoint = tmp_path / "checkpoint.safetensors"
    command = [sys.executable, "-m", "nnpg", "train", "--data", str(bars), "--epochs", "100000"]
    with subprocess.Popen(
        [*command, "--checkpoint", str(checkpoint)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        patience = time.monotonic() + 60
        while not checkpoint.exists() and time.monotonic() < patience and process.poll() is None:
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGINT)
        try:
            _, err = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    assert process.returncode == 130, err
    assert len(err.splitlines()) == 1
    assert f"stopped; {checkpoint} holds epoch" in err
    assert len(read_tensors(checkpoint)[0]["history"])


def test_ctrl_c_without_a_checkpoint_says_that_nothing_is_kept(run, bars, monkeypatch) -> None:
    def stopped(*args, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr("nnpg.train", stopped)
    answer = run("train", "--data", bars)
    assert answer.code == 130
    assert "nothing is kept" in answer.err


def test_divergence_has_the_exit_code_of_a_failure(run, bars, tmp_path) -> None:
    answer = run("train", "--data", bars, *FAST, "--lr", 1e30, "--save", tmp_path / "m.safetensors")
    assert answer.code == 1
    assert "diverged at epoch 1" in answer.err
    assert not (tmp_path / "m.safetensors").exists()


def test_a_network_that_learned_nothing_is_noted(run, bars) -> None:
    assert "hardly better than guessing" in run("train", "--data", bars, *FAST, "--lr", 1e-9).err
    assert run("train", "--data", bars, "--epochs", 8, "--batch", 4).err == ""


def test_an_old_checkpoint_is_not_overwritten(run, bars, tmp_path) -> None:
    args = ("train", "--data", bars, *FAST, "--checkpoint", tmp_path / "c.safetensors")
    assert run(*args).code == 0
    before = (tmp_path / "c.safetensors").read_bytes()
    answer = run(*args)
    assert answer.code == 2
    assert "exists" in answer.err
    assert (tmp_path / "c.safetensors").read_bytes() == before


def test_the_history_is_drawn(run, bars, tmp_path) -> None:
    answer = run("train", "--data", bars, *FAST, "--draw", tmp_path / "history.png")
    assert answer.code == 0
    assert (tmp_path / "history.png").read_bytes().startswith(b"\x89PNG")


def test_duplicates_across_the_split_are_reported(run, tmp_path) -> None:
    x = np.zeros((8, 1, 12, 12), np.float32)
    np.savez(tmp_path / "twins.npz", x=x, labels=np.arange(8) % 2)
    answer = run("train", "--data", tmp_path / "twins.npz", "--epochs", 1)
    assert answer.code == 0
    assert "exact copy of 2 of the test images" in answer.err


@pytest.mark.data
def test_yale_is_read_from_its_folder_and_again_from_the_models_record(run, data_dir, tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("NNPG_DATA")
    path = tmp_path / "yale.safetensors"
    answer = run("train", "--data", "yale", "--data-dir", data_dir, "--epochs", 1, "--save", path)
    assert "124 training and 41 test images of yale" in answer.out
    asked = run("rank", path, "--class", "subject07", "--images", "test", "--json").json
    assert asked["classes"][0]["class"] == "subject07"


def test_a_model_whose_folder_is_gone_at_the_end_is_saved_elsewhere(run, bars, tmp_path, monkeypatch) -> None:
    folder, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
    train = nnpg.train

    def then_gone(*args, **settings):
        done = train(*args, **settings)
        folder.rmdir()
        return done

    monkeypatch.setattr("nnpg.train", then_gone)
    answer = run("train", "--data", bars, *FAST, "--save", folder / "net.safetensors")
    (file,) = elsewhere.glob("*/net.safetensors")
    assert answer.code == 1
    assert answer.err.splitlines()[-1].startswith(f"error: cannot write {folder / 'net.safetensors'}: No such file")
    assert str(file) in answer.err
    assert nnpg.load_network(file).K == 3


def test_a_full_disk_is_reported_before_training(run, bars, tmp_path, monkeypatch) -> None:
    def no_room(number, start, size):
        if size > 65_536:  # there is room for a small file, but not for this network
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", no_room)
    monkeypatch.setattr("nnpg.programs.find", None)  # no epoch is begun
    for option in ("--save", "--checkpoint"):
        answer = run("train", "--data", bars, *FAST, option, tmp_path / "net.safetensors")
        assert (answer.code, list(tmp_path.iterdir())) == (1, []), answer.err
        assert answer.err.endswith("net.safetensors: No space left on device\n")
