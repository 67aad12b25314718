"""The benchmark of the attack: it compares before it times, and every way finds what it says. No test claims speed."""

import numpy as np
import pytest
from attack_nets import digits, sigmoid_net
from rich.console import Console
from typer.testing import CliRunner

from benchmarks.attacks import against_scipy
from benchmarks.commands import app
from benchmarks.measuring.agreement import Disagreement


@pytest.fixture(scope="module")
def net():
    return sigmoid_net()


def test_every_way_finds_about_the_same_distortion(net):
    x, labels = digits(12)
    console = Console(record=True, width=150, quiet=True)
    tallies = against_scipy.run(net, x, labels, images=6, rounds=2, console=console)
    mean = {name: np.mean(t.distortion) for name, t in tallies.items()}
    assert len(tallies) == 5
    assert all(len(t.distortion) == len(t.evaluations) == 6 for t in tallies.values())
    assert max(mean.values()) < 1.05 * min(mean.values())
    assert mean["ours"] <= min(mean.values()) * 1.01
    assert all(t.ms > 0 for t in tallies.values())
    against_scipy.report(tallies, 12, console)


def test_a_network_written_out_wrongly_is_not_timed(net, monkeypatch):
    right = against_scipy.by_hand

    def wrong(net, dtype):
        def read(x, target):
            loss, g, z = right(net, dtype)(x, target)
            return loss, 1.01 * g, z

        return read

    monkeypatch.setattr(against_scipy, "by_hand", wrong)
    with pytest.raises(Disagreement, match=r"image 0: the gradient by hand is off by \d"):
        against_scipy.run(net, *digits(12), images=2, rounds=1, console=Console(quiet=True))


def test_the_command_says_what_is_missing(tmp_path):
    result = CliRunner().invoke(app, ["attack", "--data-dir", str(tmp_path)])
    assert result.exit_code == 2
    assert "MNIST: train-images-idx3-ubyte.gz is missing" in result.output
    result = CliRunner().invoke(app, ["attack", "--net", str(tmp_path / "none.safetensors")])
    assert result.exit_code == 2
    assert "no file" in result.output
