"""Blocks of one filter whose output has a margin: in a child process, since a wrong address ends the process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from selection import slow_except

ROOT = Path(__file__).parent.parent.parent
SCRIPT = """
import itertools
import sys
import numpy as np
import nnpg
from nnpg import conv, dense

kind = sys.argv[1]
PADDINGS = 0, 1, 2, (1, 0, 0, 0), (0, 2, 0, 0), (0, 0, 1, 0), (0, 0, 0, 2)
for padding, pool, N in itertools.product(PADDINGS, ([], [nnpg.MaxPool(2)]), (1, 4, 20)):
    recipe = [conv(1, 3), nnpg.Tanh(), *pool, conv(4, 3, padding=padding), nnpg.Tanh(), nnpg.Flatten()]
    recipe += [dense(1), nnpg.ReLU(), dense(7), nnpg.Softmax()]
    net = nnpg.build(recipe, input_shape=(1, 8, 12), rng=0, dtype=kind, backend="numba")
    rng = np.random.default_rng(N)
    x, labels = rng.standard_normal((N, 1, 8, 12)).astype(kind), rng.integers(0, 7, N)
    reference, far = net.to("numpy"), 1e-5 if kind == "float32" else 1e-12
    where = f"padding {padding}, {len(pool)} pools, {N} images"
    np.testing.assert_allclose(nnpg.predict(net, x), nnpg.predict(reference, x), rtol=0, atol=far, err_msg=where)
    first = "pool1" if pool else "tanh1"
    order = [("tanh2", 2), (first, 0), ("relu1", 0)]
    got, wanted = (nnpg.knock_out_curve(n, x, labels, order, progress=False) for n in (net, reference))
    assert (got.predictions == wanted.predictions).all(), where
print("all the same")
"""


@pytest.mark.parametrize("kind", slow_except({"float32"}, ["float32", "float64"]))
def test_predictions_and_knock_out_of_a_block_of_one_filter_before_any_padding(kind: str) -> None:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'kernels'}", "MALLOC_PERTURB_": "165"}
    child = subprocess.run([sys.executable, "-c", SCRIPT, kind], env=environment, capture_output=True, text=True)
    assert child.returncode == 0, f"exit status {child.returncode}\n{child.stderr}"
    assert child.stdout == "all the same\n"
