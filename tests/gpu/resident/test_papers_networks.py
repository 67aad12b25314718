"""The architectures of W1 to W4 on small images: all gradients, all filters, attacks; in four orders of threads."""

from __future__ import annotations

from typing import Any
from unittest import mock

import numpy as np
import pytest
from resident_networks import PAPERS, close, images, network, orders

import nnpg
from nnpg.programs.plan import plan_of

pytestmark = [pytest.mark.gpu, pytest.mark.slow]

over_networks = pytest.mark.parametrize("name", PAPERS)
N = 2
OF = ("prob", "logit", "logprob")


@over_networks
def test_gradients_of_everything_are_those_of_the_layers(name: str) -> None:
    """All, true, one and some classes; of probabilities, logits and logarithms; of every block and the image."""
    here, there, x = network(name, "float64", "numpy"), network(name), images(name, count=N)
    layers = tuple(layer for layer, place in plan_of(here).places.items() if not place.inner)
    assert layers[0] == "input"
    labels = np.arange(N) * 3 % here.K
    for of in OF:
        for classes in ("all", "true", 1, [2, 0]):
            arguments: Any = {"layers": layers, "classes": classes, "of": of, "labels": labels}
            with nnpg.require_compiled(), orders(0, 1, 2, 3):
                result = nnpg.prediction_gradient(there, x, **arguments)
            expected = nnpg.prediction_gradient(here, x, **arguments)
            for layer in layers:
                close(result[layer], expected[layer], what=f"{of}, {classes}, {layer}")


@over_networks
@pytest.mark.parametrize("to", ["zero", "mean"])
def test_knock_outs_of_all_filters_in_five_orders(name: str, to: Any) -> None:
    """Of the filters of all blocks; where there are none, of hidden units."""
    here, there = network(name, "float64", "numpy"), network(name)
    _, of_each_class = np.unique(nnpg.predict(here, images(name)).argmax(axis=1), return_index=True)
    x = images(name)[of_each_class[: 1 if name == "digits" else N]]
    blocks = nnpg.filter_layers(here) or ("sigmoid1", "sigmoid2")
    filters = [(layer, f) for layer in blocks for f in range(here.shapes[layer][0])]
    assert len(filters) == {"faces": 23, "digits": 96, "colours": 128, "dense": 30}[name]
    # Not the mean of all images of `network`: of a last layer it gives outputs that are 0, of which rounding decides.
    rest: Any = {"to": to} if to == "zero" else {"to": to, "reference": images(name, count=N)}
    for seed in range(5):
        order = [filters[i] for i in np.random.default_rng(seed).permutation(len(filters))]
        with nnpg.require_compiled(), in_few_parts(), orders(0, 1, 2, 3):
            result = nnpg.knock_out_curve(there, x, np.zeros(len(x), int), order, **rest)
        expected = nnpg.knock_out_curve(here, x, np.zeros(len(x), int), order, **rest)
        assert result.computed == "compiled"
        np.testing.assert_array_equal(result.predictions, expected.predictions)
        assert len(np.unique(expected.predictions)) > 1


def in_few_parts() -> Any:
    """Let a sweep be divided among few blocks of threads: each of them begins with the whole network."""
    return mock.patch("nnpg.programs.cuda.knockout.multiprocessors", return_value=8)


def test_an_attack_on_many_images_finds_what_it_finds_layer_by_layer() -> None:
    here, there, x = network("dense", "float64", "numpy"), network("dense"), images("dense", "float64", 20)
    targets = (nnpg.predict(here, x).argmax(axis=1) + 1) % here.K
    settings: Any = {"box": (-5.0, 5.0), "evaluations": 100, "progress": False}
    with nnpg.require_compiled(), orders(0, 1, 2, 3):
        result = nnpg.minimal_distortion(there, x, targets, **settings)
    expected = nnpg.minimal_distortion(here, x, targets, **settings)
    assert result.computed == "compiled"
    np.testing.assert_array_equal(result.success, expected.success)
    np.testing.assert_allclose(result.adversarial, expected.adversarial, atol=1e-4)
