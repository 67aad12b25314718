"""The machine code of kernels that several processes compiled, in one process: none runs a function of another."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from nnpg_kernels.numba.runtime.compilation import number_functions_apart

ROOT = Path(__file__).parent.parent.parent
COMPILE = """
import sys
from nnpg_kernels.numba.kernels.correlation import tile_for
from nnpg_kernels.numba.kernels.pooled_convolution import convolve
filters, size = map(int, sys.argv[1].split("x"))
convolve("f4", *tile_for(filters, -(-(size - 2) // 16)), 1).compile()
"""
PREDICT = """
import sys
import numpy as np
import nnpg
for filters, size in (map(int, word.split("x")) for word in sys.argv[1:]):
    recipe = [nnpg.conv(filters, 3), nnpg.Tanh(), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(3), nnpg.Softmax()]
    net = nnpg.build(recipe, input_shape=(1, size, size), rng=0, backend="numba")
    x = np.random.default_rng(0).standard_normal((3, 1, size, size)).astype("f4")
    with nnpg.require_compiled():
        y = nnpg.predict(net, x)  # one image at a time
    assert np.allclose(y, nnpg.predict(net.to("numpy"), x), atol=1e-5), (filters, size)
"""


def test_kernels_of_two_processes_do_not_take_each_others_functions(tmp_path: Path) -> None:
    """Convolutions of 5 and of 8 filters have other tiles. Two processes compile one each, and others run both."""
    folders = {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'kernels'}", "NUMBA_CACHE_DIR": str(tmp_path)}
    environment = {**os.environ, **folders, "NNPG_NUM_THREADS": "1"}  # with one thread, no other process helps
    for script, *words in ((COMPILE, "5x40"), (COMPILE, "8x12"), (PREDICT, "5x40", "8x12"), (PREDICT, "8x12", "5x40")):
        command = [sys.executable, "-c", script, *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{words}: {done.stderr}"


def test_functions_have_other_numbers_in_a_forked_process() -> None:
    from numba.core.bytecode import FunctionIdentity

    def numbers() -> list[int]:
        return [FunctionIdentity.from_function(numbers).unique_id for _ in range(3)]

    before = numbers()
    number_functions_apart()
    after = numbers()
    assert before == list(range(before[0], before[0] + 3))
    assert not set(before) & set(after)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, str(numbers()[0]).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert abs(int(os.read(read, 99)) - after[-1]) > 1000
