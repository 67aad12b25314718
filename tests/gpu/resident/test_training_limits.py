"""Where a training has no resident program, what is said of it, and that the layers train then."""

from __future__ import annotations

import re
from typing import Any
from unittest import mock

import numpy as np
import pytest
from parameters import flat
from resident_networks import close, images, network

import nnpg
from nnpg import SGD, PlainDecay
from nnpg.programs import look
from nnpg.programs.tasks import Predict, Train

pytestmark = pytest.mark.gpu


class OwnSGD(SGD):
    """Its steps may be others."""


class OwnDecay(PlainDecay):
    """Its gradient may be another."""


def own_loss(net: nnpg.Network) -> nnpg.losses.Loss:
    return nnpg.losses.Loss("mine", "dense2", lambda k, z, t: z.sum(axis=1), lambda k, z, t: z * 0 + 1)


def own_step(*arguments: Any) -> Any:
    return nnpg.training.step(*arguments[:-1])


DENSE = [nnpg.dense(4), nnpg.Tanh(), nnpg.dense(3), nnpg.Softmax()]
DROPPED = [nnpg.dense(4), nnpg.Dropout(0.5), nnpg.dense(3), nnpg.Softmax()]
REASONS: dict[str, tuple[Any, dict[str, Any], str]] = {
    "steps": (None, {"take_step": own_step}, "take_step takes the steps"),
    "dropout": (DROPPED, {}, "dropout1 is drawn anew for each step"),
    "loss": (None, {"loss": own_loss}, "the loss 'mine' has no kernel"),
    "loss and head": (None, {"loss": "squared_error"}, "the loss 'squared_error' reads softmax1, and has no kernel"),
    "optimiser": (None, {"optimiser": OwnSGD(0.1)}, "the optimiser OwnSGD has no kernel"),
    "decay": (None, {"optimiser": SGD(0.1, decay=OwnDecay(0.1))}, "the decay OwnDecay has no kernel"),
    "layer": ([nnpg.dense(4), nnpg.dense(3), nnpg.Tanh(), nnpg.Tanh()], {}, "tanh2 .Tanh. begins no block"),
}


@pytest.mark.parametrize("kind", REASONS)
def test_what_has_no_program_says_why_and_trains_layer_by_layer(kind: str) -> None:
    recipe, arguments, reason = REASONS[kind]
    x, t = images("dense"), np.arange(5) % 3
    net = nnpg.build(recipe or DENSE, input_shape=(30,), rng=0, backend="cupy", dtype="float64")
    arguments = {"epochs": 1, "batch": 3, "rng": 1, "optimiser": SGD(0.1), "progress": False, **arguments}
    result, expected = (nnpg.train(of, x, t, **arguments) for of in (net, net.to("numpy")))
    assert re.match(f"layer by layer, because {reason}", result.computed)
    for name, w in flat(expected.net.parameters).items():
        close(flat(result.net.parameters)[name], w, "float64", name)
    says = f"train, Network .*: layer by layer, because {reason}"
    with pytest.raises(nnpg.programs.NotCompiled, match=says), nnpg.require_compiled():
        nnpg.train(net, x, t, **arguments)


def test_an_intervention_is_named() -> None:
    net = nnpg.build(DENSE, input_shape=(30,), rng=0, backend="cupy")
    changed = net.intervene("tanh1", nnpg.interventions.Clamp(0.0, 1.0))
    task = Train(nnpg.losses.softmax_cross_entropy(changed), SGD(0.1))
    assert look(changed, task).why_not == "the network has interventions on tanh1"


def test_an_image_that_does_not_fit_is_told_so_in_bytes() -> None:
    net, attribute = network("faces"), "nnpg_kernels.cupy_backend.xp.cuda.runtime.deviceGetAttribute"
    task = Train(nnpg.losses.softmax_cross_entropy(net), SGD(0.1))
    assert look(net, task)
    with mock.patch(attribute, return_value=80_000):
        assert look(net, Predict())
        assert re.fullmatch(
            r"an image of a training needs \d{5} bytes of shared memory, and a block of this device has 80000",
            look(net, task).why_not,
        )
