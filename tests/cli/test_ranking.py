"""`nnpg rank`: the library's scores, for the model's own data, as text, JSON, CSV and picture."""

from __future__ import annotations

import csv

import numpy as np
import pytest

import nnpg
from nnpg.data import load, stratified_split


def test_it_prints_the_table_of_the_data_it_was_trained_on(run, model, bars) -> None:
    answer = run("rank", model, "--top", 2)
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert lines[0].startswith("frobenius of d prob / d output, norm of mean")
    assert [line.split()[0] for line in lines[2::2]] == ["left", "middle", "right"]
    assert len(lines) == 2 + 3 * 2
    data = load(bars)
    best = nnpg.filter_scores(nnpg.load_network(model), data.x, data.labels).strongest(0)[0]
    assert lines[2].split()[1] == f"{best.layer}[{best.f}]"  # as one indexes


def test_json_holds_the_librarys_scores(run, model, bars) -> None:
    report = run("rank", model, "--class", "middle", "--norm", "l1", "--of", "logit", "--json").json
    data = load(bars)
    scores = nnpg.filter_scores(nnpg.load_network(model), data.x, data.labels, norm="l1", of="logit")
    assert [ranked["class"] for ranked in report["classes"]] == ["middle"]
    filters = report["classes"][0]["strongest_first"]
    expected = scores.strongest(1)
    assert [(f["layer"], f["filter"]) for f in filters] == [(unit.layer, unit.f) for unit in expected]
    np.testing.assert_allclose([f["score"] for f in filters], [unit.score for unit in expected], rtol=1e-6)


def test_mean_of_norms_is_another_ranking(run, model) -> None:
    scores = {
        average: run("rank", model, "--class", "left", "--average", average, "--json").json["classes"][0]
        for average in ("norm_of_mean", "mean_of_norms")
    }
    assert scores["norm_of_mean"] != scores["mean_of_norms"]


def test_the_test_images_are_those_that_were_not_trained_on(run, model, bars) -> None:
    data = load(bars)
    _, test = stratified_split(data, rng=0).apply(data)
    scores = nnpg.filter_scores(nnpg.load_network(model), test.x, test.labels)
    report = run("rank", model, "--class", "left", "--images", "test", "--json").json
    assert report["images"] == 6
    assert report["classes"][0]["strongest_first"][0]["score"] == pytest.approx(scores.strongest(0)[0].score)


def test_layers_can_be_named(run, model) -> None:
    report = run("rank", model, "--class", "left", "--layers", "relu1,relu2", "--json").json
    assert {f["layer"] for f in report["classes"][0]["strongest_first"]} == {"relu1", "relu2"}


def test_csv_and_picture(run, model, tmp_path) -> None:
    answer = run("rank", model, "--class", "left", "--csv", tmp_path / "r.csv", "--draw", tmp_path / "r.png")
    assert answer.code == 0
    assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")
    with (tmp_path / "r.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 32 + 32 + 64
    assert {row["class"] for row in rows} == {"left"}
    assert float(rows[0]["score"]) >= 0


def test_changed_data_are_noticed(run, bars, tmp_path) -> None:
    file = tmp_path / "own.npz"
    file.write_bytes(bars.read_bytes())
    run("train", "--data", file, "--epochs", 1, "--save", tmp_path / "m.safetensors")
    assert run("rank", tmp_path / "m.safetensors").err == ""
    with np.load(file) as arrays:
        np.savez(file, **{**arrays, "x": arrays["x"] * 0.5})
    answer = run("rank", tmp_path / "m.safetensors")
    assert answer.code == 0
    assert "has changed since" in answer.err


def test_a_model_without_a_record_of_its_data_needs_data_on_the_command_line(run, bars, tmp_path) -> None:
    data = load(bars)
    from nnpg.recipes.models import cifar_net

    nnpg.save(cifar_net(data.x, 3), tmp_path / "m.safetensors", {"data": "bars"})
    answer = run("rank", tmp_path / "m.safetensors")
    assert answer.code == 2
    assert "--data" in answer.err
    assert run("rank", tmp_path / "m.safetensors", "--data", bars, "--json").json["images"] == 24


def test_a_class_without_images_has_no_ranking(run, bars, tmp_path) -> None:
    with np.load(bars) as arrays:
        np.savez(tmp_path / "few.npz", **{**arrays, "class_names": np.array(["left", "middle", "right", "nobody"])})
    path = tmp_path / "m.safetensors"
    assert run("train", "--data", tmp_path / "few.npz", "--epochs", 1, "--save", path).code == 0
    ranked = run("rank", path, "--draw", tmp_path / "r.png", "--json").json["classes"]
    assert [one["class"] for one in ranked] == ["left", "middle", "right"]
    for command in ("rank", "knockout"):
        answer = run(command, path, "--class", "nobody")
        assert answer.code == 2
        assert "no image of class 'nobody' among these 24" in answer.err
