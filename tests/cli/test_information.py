"""`nnpg info`."""

from __future__ import annotations

import os

import pytest

import nnpg


def test_info_of_a_model(run, model, bars) -> None:
    report = run("info", model, "--json").json
    net = nnpg.load_network(model)
    assert report["parameters"] == net.n_parameters
    assert [layer["name"] for layer in report["layers"]] == list(net.layers)
    assert report["layers"][1] == {"name": "conv1", "layer": "Conv", "output": [32, 12, 12]}
    assert report["provenance"]["data"]["data"] == str(bars)
    assert report["programs"] == nnpg.compilation_report(net).to_dict()
    assert report["programs"]["predict"] == "compiled"
    text = run("info", model)
    assert text.code == 0
    assert "32 x 12 x 12" in text.out
    assert "compiled" in text.out


def test_info_of_the_machine_finds_the_data(run, tmp_path) -> None:
    (tmp_path / "yalefaces").mkdir()
    (tmp_path / "yalefaces" / "subject01.normal").touch()
    report = run("info", "--data-dir", tmp_path, "--json").json
    assert report["nnpg"] == nnpg.__version__
    assert report["data_folder"] == str(tmp_path)
    assert report["data"] == {"yale": True, "mnist": False, "cifar10": False}
    assert sorted(report["backends"].values())[-1] == "used unless --backend says otherwise"
    assert set(report["backends"]) >= {"numpy", "numba"}
    assert report["backends"]["numpy"] == "available"
    assert run("info").code == 0


@pytest.mark.data
def test_info_finds_the_real_data(run) -> None:
    report = run("info", "--json").json
    assert report["data_folder"] == os.environ["NNPG_DATA"]
    assert report["data"]["yale"]
    assert report["data"]["mnist"]
