"""How often an attack waits for a device: at most twice for each pass of the network."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from attack_nets import digits, other_targets, relu_net, sigmoid_net
from stand_in.counts import counted

from nnpg.attacks import learn_class_mask, mask_sweep, minimal_distortion, projected_gradient
from nnpg.attacks.objective import Objective, objective_of

pytestmark = [pytest.mark.gpu, pytest.mark.emulated("a device does not count")]


@pytest.fixture(scope="module")
def images():
    x, labels = digits(10)
    return x, labels, other_targets(labels, 6)


@pytest.fixture
def passes(monkeypatch):
    """The passes of a network that attacks ask for."""
    asked = []

    def watch(name):
        ask = getattr(Objective, name)

        def watched(self, *args, **kwargs):
            asked.append(name)
            return ask(self, *args, **kwargs)

        monkeypatch.setattr(Objective, name, watched)

    for name in ("evaluate", "evaluate_rivals", "margin"):
        watch(name)
    return asked


def waits(counts):
    return counts.down + counts.waits


def before_the_first_pass(net):
    with counted() as counts:
        objective_of(net, "softmax_cross_entropy")
    return waits(counts)


@pytest.mark.parametrize("settings", [{}, {"norm": "l1"}, {"epsilon": 0.1, "polish": False}], ids=str)
def test_the_least_distortion_waits_once_a_round(images, passes, settings):
    x, _, targets = images
    net = sigmoid_net("cupy")
    before = before_the_first_pass(net)
    passes.clear()
    at_the_end = mock.patch("nnpg.attacks.least_distortion.working_set.POLISH_EVERY", 1e9)  # not after seconds
    with at_the_end, counted() as counts:
        minimal_distortion(net, x, targets, **settings)
    rounds, down = passes.count("evaluate"), counts.down - before
    assert rounds > 10
    assert counts.waits == 0, counts
    assert waits(counts) - before <= 2 * len(passes), counts
    of_rounds = sum(n for (kind, line), n in counts.lines.items() if kind == "down" and "solver.py" in line)
    assert of_rounds == rounds, counts
    assert down - of_rounds <= 6, counts  # of the polish and the results


def test_a_search_along_the_boundary_waits_once_a_round(passes):
    x, labels = digits(1, m=64)
    net = relu_net("cupy")
    before = before_the_first_pass(net)
    passes.clear()
    with counted() as counts:
        minimal_distortion(net, x.reshape(-1, 1, 8, 8), (labels + 1) % 6)
    assert counts.waits == 0, counts
    assert waits(counts) - before <= 14 + 6, counts  # rounds of perturbations; start and results
    assert len(passes) > 100


@pytest.mark.parametrize("steps", [1, 20])
def test_gradient_steps_do_not_wait(images, steps):
    x, labels, targets = images
    net = sigmoid_net("cupy")
    groups = len(objective_of(net, "softmax_cross_entropy").groups)
    with counted() as counts:
        projected_gradient(net, x, labels, targets, 0.1, steps=steps)
    assert waits(counts) - before_the_first_pass(net) <= 2 + (steps if groups > 1 else 0), counts


def test_a_class_mask_brings_down_its_losses_once_an_epoch(images):
    x, _, _ = images
    net = sigmoid_net("cupy")
    groups = len(objective_of(net, "softmax_cross_entropy").groups)
    with counted() as counts:
        learn_class_mask(net, x, 2, epochs=5, batch=2, rng=0)
    assert waits(counts) - before_the_first_pass(net) <= 5 + 1 + (25 if groups > 1 else 0), counts


def test_a_sweep_waits_once_a_step_size(images):
    x, labels, targets = images
    with counted() as counts:
        mask_sweep(sigmoid_net("cupy"), x, labels, targets, np.linspace(0, 1, 12))
    assert counts.waits <= 2, counts  # that the images are finite comes down beside the masks' work
    assert counts.down <= 12 + 3, counts  # and its distortions, its masks, and one mask before


def test_images_go_up_once(images):
    """What goes up later are numbers of rows, and a draw of orders."""
    x, labels, targets = images
    for attack in (
        lambda net: minimal_distortion(net, x, targets),
        lambda net: projected_gradient(net, x, labels, targets, 0.1),
        lambda net: learn_class_mask(net, x, 2, epochs=3, batch=4, rng=0),
    ):
        with counted() as counts:
            attack(sigmoid_net("cupy"))
        placed = [n for (kind, line), n in counts.lines.items() if kind == "up" and "network_arguments" in line]
        assert sum(placed) <= 2, counts  # its images; and what it has made of them, to be classified
