"""The table of kernels: every op of a program has a time, products have a share of the roof."""

import pytest

pytest.importorskip("numba")

from benchmarks.measuring.kernel_times import markdown, shares
from benchmarks.workloads import choose


def test_kernels_of_a_step_share_its_time() -> None:
    (step,) = choose("W4")
    rows = {name.split(" | ")[0]: row["W4"].split(", ") for name, row in shares([step.at_most(20)], 2).items()}
    assert {"pack", "correlate", "activate", "softmax cross-entropy", "momentum step"} <= set(rows)
    assert 95 <= sum(int(time.rstrip("%")) for _, time in rows.values()) <= 105
    assert float(rows["correlate"][0]) > 0
    assert rows["activate"][0] == "-"


def test_kernels_that_take_little_time_are_not_in_the_table() -> None:
    rows = {"pack | avx2": {"W1": "-, 1%"}, "correlate | avx2": {"W1": "0.50, 90%", "W4": "0.60, 99%"}}
    assert markdown(rows).splitlines() == [
        "| kernel | instructions | W1 | W4 |",
        "|---|---|---|---|",
        "| correlate | avx2 | 0.50, 90% | 0.60, 99% |",
    ]
