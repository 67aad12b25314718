"""A few of the random networks that `make fuzz` searches at length, and that the search finds what it is for."""

from __future__ import annotations

import sys

import pytest
from fuzz.geometries import TASKS, check, search
from fuzz.random_networks import case as random_case

from nnpg.programs.plan import plan_of
from nnpg_kernels.numba.ops import convolutions


@pytest.mark.parametrize(("networks", "least"), [(5, 1), pytest.param(20, 5, marks=pytest.mark.slow)])
def test_random_networks_agree_with_the_layers(networks: int, least: int) -> None:
    answer = search(list(range(1000, 1000 + networks)))
    assert not answer.faults
    assert all(answer.compiled[task] >= least for task in TASKS)


def test_the_networks_are_of_every_kind() -> None:
    cases = [random_case(seed) for seed in range(80)]
    blocks = [block for case in cases for block in plan_of(case.net).blocks]
    windows = [(block.window, block.pool, block.z_shape) for block in blocks if block.kind == "conv"]
    assert {str(case.net.dtype) for case in cases} == {"float32", "float64"}
    for kind in (
        [case for case in cases if len(case.x) == 1],
        [case for case in cases if case.net.K == 1],
        [case for case in cases if case.net.input_shape[1:] == (1, 1) or case.net.input_shape == (1,)],
        [z for _, _, z in windows if z[0] == 1],
        [w for w, _, _ in windows if len(set(w.padding)) > 1],
        [w for w, _, _ in windows if w.stride != (1, 1)],
        [w for w, _, _ in windows if w.dilation != (1, 1)],
        [p for _, p, _ in windows if p.size[0] > p.stride[0]],
        [p for _, p, _ in windows if p.size[1] < p.stride[1]],
        [w for w, _, _ in windows if w.size[1] > 7],
    ):
        assert kind


def test_a_planted_fault_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = convolutions.pool_fields
    wrong = {"left": lambda pool: pool.padding[0], "top": lambda pool: pool.padding[2]}
    monkeypatch.setattr(
        convolutions, "pool_fields", lambda pool: right(pool) | {field: f(pool) for field, f in wrong.items()}
    )
    faults = [fault for seed in range(12) for fault in check(seed)[0]]
    assert any(fault.startswith("predict:") for fault in faults)


def test_a_network_that_ends_the_process_is_named_and_the_others_go_on() -> None:
    script = "import os, sys; seeds = sys.argv[1:]\nprint('end 1', *[1] * 5, flush=True)\n"
    script += "if '7' in seeds[:2] and len(seeds) > 1: os.abort()\nelse: [print('end 0', *[0] * 5) for _ in seeds[1:]]"
    answer = search([3, 7, 8], (sys.executable, "-c", script))
    assert (answer.networks, answer.kinks, len(answer.faults)) == (3, 2, 1)
    assert "network 7 ended the process" in answer.faults[0]
    assert "python -m fuzz.geometries --first 7 --count 1" in answer.faults[0]
