"""The device code of the resident programs by itself: a network in shared memory computes what its layers do."""

from __future__ import annotations

import math

import numpy as np
import pytest
from emulator import COMPILER, Array, compile_source, launch, unwritten
from geometries import examples, network

from nnpg.prediction import by_layers
from nnpg.programs.plan import Plan, plan_of
from nnpg_kernels.cuda.resident.numbers import Numbers, numbers_of
from nnpg_kernels.cuda.resident.sources import gradients_of, name_of, resident_source
from nnpg_kernels.cuda.resident.ways import why_not

pytestmark = pytest.mark.skipif(COMPILER is None, reason="needs g++")

BYTES = 227 << 10


def numbers(plan: Plan) -> Numbers:
    assert why_not(plan.blocks) == ""
    return numbers_of(plan.blocks, plan.dtype, centred=plan.mean is not None, head=plan.head, bytes_at_most=BYTES)


def parameters(plan: Plan) -> Array:
    """All parameters as `arrange` reads them."""
    parts = [plan.weights[block.weights][p].ravel() for block in plan.blocks for p in ("W", "b")]
    return np.concatenate(parts if plan.mean is None else [*parts, plan.mean.ravel()])


@pytest.mark.parametrize("name", ["overlapping, padded pooling", "dense only"])
def test_outputs_and_all_deltas_are_those_of_the_layers(name: str) -> None:
    net = network(name, "float64", "numpy")
    plan, (x, _) = plan_of(net), examples(net, 3)
    made, N, S = numbers(plan), len(x), 4
    several, one = (gradients_of(seeds, 0) for seeds in (4, 1))
    kernels = {
        name: compile_source(resident_source(name, made.text), (name_of(name),))[name_of(name)]
        for name in ("arrange", "predict", several, one)
    }
    weights = unwritten(made.weights_size, "f8")
    launch(kernels["arrange"], (3,), (256,), (parameters(plan), weights))

    y = unwritten((N, net.K), "f8")
    launch(kernels["predict"], (N,), (made.threads,), (x, weights, y), made.forward_bytes)
    np.testing.assert_allclose(y, net.forward(x).y, rtol=0, atol=1e-12)

    layers = {"input": plan.input_shape} | {block.name: block.y_shape for block in plan.blocks}
    ends = np.cumsum([0, *(S * N * math.prod(shape) for shape in layers.values())])
    wanted = np.zeros(1, [("at", np.int64, (len(layers),))])
    wanted["at"] = ends[:-1]
    classes, share = np.array([0, 3, 5, 10], np.int32), np.array([1.0, 2.0, 0.5])
    for of, code in (("prob", 0), ("logit", 1), ("logprob", 2)):
        for kernel, size in ((several, made.seeds_bytes(4, 0)), (one, made.seeds_bytes(1, 0))):
            results = unwritten(int(ends[-1]), "f8")
            counts = tuple(map(np.int32, (code, N, S, 0, 1)))
            args = (x, weights, classes, share, results, wanted, *counts)
            launch(kernels[kernel], (N, 2), (made.threads_back,), args, size)
            expected = by_layers(net, x, tuple(layers), classes.tolist(), of, None, share)  # type: ignore[arg-type]
            for layer, start, end in zip(layers, ends, ends[1:], strict=False):
                right = expected[layer]
                np.testing.assert_allclose(results[start:end].reshape(right.shape), right, rtol=0, atol=1e-12)
