"""Bad input: exit code 2 and one line on stderr that says what was given and what to do; stdout stays empty."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from fuzz.user_layer import Scaled

import nnpg


@pytest.fixture
def words(model, bars, tmp_path):
    """What {model}, {bars} ... stand for in the table below."""
    (tmp_path / "notes.txt").write_text("no model")
    (tmp_path / "folder.safetensors").mkdir()
    (tmp_path / "damaged.safetensors").write_bytes(b"\0" * 100)
    np.savez(tmp_path / "big.npz", x=np.zeros((4, 1, 20, 20), np.float32), labels=[0, 1, 0, 1])
    np.savez(tmp_path / "other.npz", x=np.zeros((6, 1, 12, 12), np.float32), labels=[0, 1, 2, 0, 1, 2])
    return {"model": model, "bars": bars, "here": tmp_path}


BAD = [
    ("frob", "No such command 'frob'"),
    ("train --epoch 3", "--epochs"),
    ("train --epochs 0", "--epochs"),
    ("train --epochs many", "valid integer"),
    ("train --data {here}/none.npz", "nothing there"),
    ("train --data minst", "did you mean 'mnist'?"),
    ("train --data yale --data-dir {here}", "images are missing"),
    ("train --data mnist --data-dir {here}", "missing"),
    ("train --data mnist --test-share 0.5", "test images of its own"),
    ("train --data {bars} --test-share 1.5", "--test-share must lie between 0 and 1, not 1.5"),
    ("train --data {bars} --lr -1", "lr must be a finite number above 0, not -1"),
    ("train --data {bars} --momentum 1", "momentum must be a finite number of at least 0 and below 1, not 1"),
    ("train --data {bars} --model face_net", "cannot take an input"),
    ("train --data {bars} --model nonet", "'nonet'"),
    ("train --data {bars} --backend abacus", "no backend named 'abacus'"),
    ("train --data {bars} --save {here}/m.pickle", "must end in .safetensors"),
    ("train --data {bars} --save {here}/none/m.safetensors", "there is no folder"),
    ("train --data {bars} --resume", "--resume needs --checkpoint"),
    ("rank", "Missing argument 'MODEL'"),
    ("rank {here}/none.safetensors", "no file"),
    ("rank {here}/notes.txt", "not a safetensors file"),
    ("rank {here}/damaged.safetensors", "not a safetensors file"),
    ("rank {model} --class lefty", "did you mean 'left'?"),
    ("rank {model} --norm l3", "'l3' is not one of 'frobenius'"),
    ("rank {model} --of answer", "'answer' is not one of 'prob'"),
    ("rank {model} --layers pool9", "no output named 'pool9'"),
    ("rank {model} --top 0", "--top"),
    ("rank {model} --draw {here}/r.docx", "must end in .png"),
    ("rank {model} --draw {here}/none/r.png", "there is no folder"),
    ("rank {model} --data {here}/none.npz", "nothing there"),
    ("rank {model} --data {here}/big.npz", "takes images of 1 x 12 x 12"),
    ("rank {model} --data {here}/other.npz --images test", "was not trained on"),
    ("knockout {model} --order random", "'random' is not one of 'strongest'"),
    ("knockout {model} --to one", "'one' is not one of 'zero'"),
    ("knockout {model} --class nobody", "the classes are left, middle, right"),
    ("knockout {model} --steps 0", "--steps"),
    ("gradcheck unet", "neither a model's file"),
    ("gradcheck {here}/none.safetensors", "no file"),
    ("info {here}/none.safetensors", "no file"),
    ("demo --quick --epochs 3", "not both"),
    ("demo --epochs 0", "--epochs"),
    ("demo --out {here}/notes.txt", "is a file: choose another"),
]


# Options are judged before any image is read: there are none here, and still the answer is about the option

NO_IMAGES = "{here}/none.npz"
BAD += [
    (f"train --data {NO_IMAGES} {options}", says)
    for options, says in (
        ("--test-share nan", "--test-share must lie between 0 and 1"),
        ("--lr -1", "lr must be a finite number above 0, not -1"),
        ("--momentum 1", "momentum must be a finite number of at least 0 and below 1, not 1"),
        ("--backend abacus", "no backend named 'abacus'"),
        ("--save {here}/none/m.safetensors", "there is no folder"),
        ("--save {here}/notes.txt/m.safetensors", "notes.txt is not a folder"),
        ("--save {here}/folder.safetensors", "it is a folder"),
        ("--draw {here}/none/m.png", "there is no folder"),
        ("--checkpoint {here}/none/m.safetensors", "there is no folder"),
        ("--checkpoint {here}/damaged.safetensors", "--resume"),
    )
]
BAD += [
    (f"rank {{model}} --data {NO_IMAGES} --layers pool9", "no output named 'pool9'"),
    (f"rank {{model}} --data {NO_IMAGES} --csv {{here}}/notes.txt/r.csv", "notes.txt is not a folder"),
    (f"knockout {{model}} --data {NO_IMAGES} --layers pool9", "no output named 'pool9'"),
    (f"knockout {{model}} --data {NO_IMAGES} --draw {{here}}/none/r.png", "there is no folder"),
    ("demo --out {here}/notes.txt/demo", "is a file: choose another"),
]


@pytest.mark.parametrize(("command", "says"), BAD, ids=[command for command, _ in BAD])
def test_bad_input_is_one_line_and_code_2(run, words, command, says) -> None:
    answer = run(*(word.format(**words) for word in command.split()))
    assert answer.code == 2, (answer.err, answer.exception)
    assert says in answer.err
    assert answer.err.startswith("error: ")
    assert answer.err.count("\n") == 1
    assert answer.out == ""


def test_a_usage_error_points_at_the_commands_help(run) -> None:
    assert run("train", "--epoch", "3").err.strip().endswith("(see: nnpg train --help)")


def test_the_checkpoint_of_another_run_is_refused(run, bars, tmp_path) -> None:
    args = ("train", "--data", bars, "--checkpoint", tmp_path / "c.safetensors", "--epochs", 1)
    assert run(*args, "--batch", 4).code == 0
    answer = run(*args, "--batch", 5, "--resume")
    assert answer.code == 2
    assert "its batch is 4, this run's is 5" in answer.err


def test_an_unexpected_error_is_code_1_and_its_line_names_debug(run, monkeypatch, bars) -> None:
    def broken(*args, **settings):
        raise RuntimeError("the disk sang")

    monkeypatch.setattr("nnpg.train", broken)
    answer = run("train", "--data", bars)
    assert answer.code == 1
    assert answer.err.startswith("error: RuntimeError: the disk sang")
    assert "Traceback" not in answer.err
    traced = run("train", "--data", bars, "--debug")
    assert "Traceback" in traced.err
    assert "in broken" in traced.err


def test_no_command_shows_the_help(run) -> None:
    answer = run()
    assert answer.code == 0
    for command in ("demo", "train", "rank", "knockout", "gradcheck", "info"):
        assert command in answer.out


@pytest.mark.parametrize("command", ["demo", "train", "rank", "knockout", "gradcheck", "info"])
def test_every_commands_help_has_an_example(run, command) -> None:
    answer = run(command, "--help")
    assert answer.code == 0
    assert f"nnpg {command}" in answer.out.split("Example:")[1]


def test_version(run) -> None:
    assert run("--version").out.startswith(f"nnpg {nnpg.__version__}, Python 3.")


def test_a_closed_pipe_ends_quietly(model) -> None:
    command = f"{sys.executable} -m nnpg knockout {model} --class left | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.startswith("left: class error and overall error")
    assert done.stderr == ""


@pytest.mark.parametrize(
    "changed",
    [None, {"data": 3}, {"data_dir": ["a"]}, {"test_share": "half"}, {"split_seed": -1}, {"train_fingerprint": None}],
)
def test_a_models_record_of_its_data_is_checked(run, model, tmp_path, changed) -> None:
    """The rules for stderr do not apply to other programs."""
    told = nnpg.files.describe(model)["provenance"]["data"]
    known = 7 if changed is None else told | changed
    odd = nnpg.save(nnpg.load_network(model), tmp_path / "odd.safetensors", {"data": known})
    answer = run("rank", odd)
    assert answer.code == 2
    assert answer.err == f"error: {odd} does not say what it was trained on: name the images with --data\n"


@pytest.mark.parametrize("command", ["info", "rank", "gradcheck"])
def test_a_command_says_that_python_takes_the_class_of_a_users_layer(run, tmp_path, command) -> None:
    layers = [nnpg.conv(2, 3), Scaled(np.ones((2, 1, 1), np.float32)), nnpg.Flatten(), nnpg.dense(3)]
    file = nnpg.save(nnpg.build(layers, input_shape=(1, 5, 5), rng=0), tmp_path / "net.safetensors")
    answer = run(command, file)
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err == (
        f"error: {file}: layer 'scaled1' is of the class 'fuzz.user_layer.Scaled', which is not nnpg's own; passed: no "
        "such class. In Python, nnpg.load_network(path, layers=[...]) takes the class; a command cannot take one\n"
    )
