"""`nnpg explain`: the library's explanation of the model's own images, as text, JSON and picture."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import nnpg
from nnpg.data import load
from nnpg.explanation import explain_passes


def test_it_prints_a_line_for_every_output(run, model, bars) -> None:
    answer = run("explain", model, "--image", 4, "--class", "true", "--of", "loss")
    assert answer.code == 0, answer.err
    net, data = nnpg.load_network(model), load(bars)
    lines = answer.out.splitlines()
    assert lines[0] == "image 4, of class middle"
    expected = explain_passes(net, data.x[4:5], classes=1, of="loss")
    assert lines[1:] == str(expected).splitlines()
    assert [line.split()[0] for line in lines[3:]] == net.names


@pytest.mark.parametrize("number", [{"unit": "pool1:2,1,3"}, {"weight": "conv1.W:1,0,2,0"}])
def test_a_number_is_explained_as_by_the_library(run, model, bars, number) -> None:
    (option, value), x = next(iter(number.items())), load(bars).x[3:4]
    net = nnpg.load_network(model)
    expected = nnpg.explain(net, x, **number, classes=int(nnpg.predict(net, x).argmax()))
    asked = ("explain", model, f"--{option}", value, "--image", 3)
    assert run(*asked, "--top", 2).out.split("\n", 1)[1].rstrip("\n") == expected.table(2)
    report = run(*asked, "--json").json
    assert report["derivative"] == expected.derivative
    assert report["readers"] == expected.to_dict()["readers"]
    assert report["nudge"]["slope"] == expected.nudge.slope


def test_a_class_is_named(run, model) -> None:
    assert run("explain", model, "--class", "right", "--json").json["quantity"] == "prob of class 2"
    assert run("explain", model, "--json").json["class"] == "predicted"


def test_json_of_both_passes_has_the_sizes(run, model, bars) -> None:
    report = run("explain", model, "--class", "left", "--json").json
    expected = explain_passes(nnpg.load_network(model), load(bars).x[:1], classes=0)
    assert [line["size"] for line in report["outputs"]] == [line.size for line in expected.outputs]
    assert report["L"] == expected.L


def test_a_picture_is_resized_and_its_class_is_not_known(run, model, tmp_path) -> None:
    path = tmp_path / "picture.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (24, 20), dtype=np.uint8)).save(path)
    answer = run("explain", model, "--image", path, "--unit", "input:0,1,1", "--class", "left")
    assert answer.code == 0, answer.err
    assert answer.out.splitlines()[0] == f"image {path}, 20 x 24 pixels resized to 12 x 12"
    answer = run("explain", model, "--image", path, "--class", "true")
    assert answer.code == 2
    assert "nothing says of which class" in answer.err


@pytest.mark.parametrize("suffix", ["svg", "pdf", "png"])
def test_a_number_is_drawn(run, model, tmp_path, suffix) -> None:
    path = tmp_path / f"e.{suffix}"
    answer = run("explain", model, "--unit", "conv1:0,3,3", "--draw", path)
    assert answer.code == 0, answer.err
    assert answer.out.endswith(f"wrote {path}\n")
    assert path.stat().st_size > 1000
