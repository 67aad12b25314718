"""The record of a card, and the page that is written from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from benchmarks.commands import app
from benchmarks.gpu import card, floor, pages, record, tables
from benchmarks.gpu.card import Ceilings
from benchmarks.gpu.rows import ROWS, choose_rows
from benchmarks.growth import record as growth
from nnpg_command import UsageError

CARD = {"card": "H100", "driver": "580.1", "versions": {"python": "3.12", "torch": "2.11"}, "date": "2026-01-02"}
CEILINGS = Ceilings(4e12, 5e10, 6e13, 3e13, {1: 1.8e-6, 16: 1e-6, 256: 9e-7}, {2: 2e-7, 4: 2e-7, 8: 3e-7})


def times(name: str, us: float, **more: Any) -> dict[str, Any]:
    fixed = {"min_us": us / 2, "spread": 0.5, "rounds": 7, "steps_in_a_round": 200, "clock": "device events"}
    rest = {"agreement": "within 1.0e-06", "setup_ms": None, "first_s": 1.0, "computed": ""}
    return {"name": name, "us": us, **fixed, **rest, **more}


def measured() -> record.Record:
    row = {
        "ours": times("nnpg", 50.0, setup_ms=3.0, agreement="", computed="compiled"),
        "theirs": [times("torch nchw graph of 16", 130.0), times("jax nchw scan", 170.0)],
        "left_out": {"torch compile max-autotune": "no time: about 60 s to prepare, and 3 s are left"},
        "disagrees": False,
        "best": "torch nchw graph of 16",
        "ratio": 2.6,
        "ratio_min": 2.6,
        "cpu": {"us": 100.0, "min_us": 90.0, "rounds": 3, "cores": 16, "agreement": "within 1.0e-06"},
        "parts": {"launches": {"arrange": 1, "gradients": 2}, "kernels_us": 30.0, "host_us": 45.0},
    }
    layer = {"layer": "W1 conv1", "pass": "delta", "images": 32, "why_not": "", "ours_us": 4.0, "ours_min_us": 3.0}
    layer |= {"theirs": "nchw", "theirs_us": 6.0, "theirs_min_us": 5.0, "ratio": 1.5, "rounds": 5}
    layer |= {"agreement": "within 1.0e-06", "floor_us": 2.0, "share": 0.5}
    failed = {"layer": "A conv1", "pass": "gradient", "images": 32, "why_not": "disagrees: result"}
    return record.with_ceilings(record.new(CARD), CEILINGS) | {"rows": {"W1-b1": row}, "layers": [layer, failed]}


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    found, path = measured(), tmp_path / "a.json"
    record.write(path, found)
    assert record.ceilings_of(record.read(path)) == CEILINGS
    again = record.begun(path, CARD | {"date": "2026-01-03"})
    assert again["rows"] == found["rows"]
    assert again["date"] == "2026-01-03"
    assert record.begun(None, CARD)["rows"] == {}


@pytest.mark.parametrize(("name", "value"), [("card", "A100"), ("driver", "590"), ("versions", {"python": "3.13"})])
def test_a_record_of_another_card_is_not_gone_on_with(tmp_path: Path, name: str, value: Any) -> None:
    path = tmp_path / "a.json"
    record.write(path, measured())
    with pytest.raises(UsageError, match=f"it is of {name} .*: name another file"):
        record.begun(path, CARD | {name: value})


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 2}', json.dumps({**record.new(CARD), "more": 1}), "\x00"])
def test_another_file_is_no_record(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"a\.json: expected a record of `python -m benchmarks gpu --json`"):
        record.read(path)


def test_a_page_without_a_record_says_that_nothing_is_measured() -> None:
    text = pages.page(None)
    assert "No card is on record: nothing in this page has been measured." in text
    for row in ROWS:
        line = next(line for line in text.splitlines() if line.startswith(f"| {row.name} | not measured"))
        # of 15 cells; the others are the name and what is asked for, or "-" where there is no competitor
        assert line.count("not measured") == (7 if row.by_layers else 12)
        assert line.count("| - ") == (7 if row.by_layers else 0)
    assert "us |\n" in text


def test_a_page_has_the_numbers_of_the_record() -> None:
    text = pages.page(measured())
    assert "H100, driver 580.1, 2026-01-02. python 3.12, torch 2.11." in text
    (row,), _ = choose_rows("W1-b1")
    least = floor.least(row).seconds(CEILINGS) * 1e6
    shares = f"{least / 50:.1%} | {least / 130:.1%}"
    start = "| W1-b1 | 50 | 25 | 3 | compiled | torch nchw graph of 16 | 130 | 2.6 | 1.5 | 5 | must |"
    assert f"{start} {least:.3g} | {shares} | 100 |" in text
    assert "| W1-b1 | torch compile max-autotune | - | - | - | - | - | no time: about 60 s" in text
    assert "| W1 conv1 | delta | 32 | 4 | 6 | nchw | 1.5 | 2 | 50% |" in text
    assert "| A conv1 | gradient | 32 | disagrees: result | - |" in text
    assert "| W2 | not measured |" in text
    assert ("copy on the device, read and written", "4,000 GB/s") in card.in_words(CEILINGS)


def test_the_page_says_where_a_card_is_slower_than_the_cpu() -> None:
    found, start = measured(), "Slower on the card than by `numba` on 16 cores of a CPU"
    assert f"{start}: no row that was measured on both. Not measured on both: W1-b32, " in pages.page(found)
    found["rows"]["W1-b1"]["cpu"]["us"] = 49.0
    assert f"{start}: W1-b1 (compiled). Not measured" in pages.page(found)
    assert "faster than `numba` on the CPU: not measured." in pages.page(None)
    by_layers = times("nnpg", 900.0, computed="layer by layer, because the optimiser ByLayers has no kernel")
    found["rows"] = dict.fromkeys((row.name for row in ROWS), found["rows"]["W1-b1"])
    found["rows"]["W4-layers"] = found["rows"]["W1-b1"] | {"ours": by_layers, "theirs": [], "best": None, "ratio": None}
    found["rows"]["W1-b1"]["cpu"]["us"] = 100.0
    text = pages.page(found)
    assert f"{start}: W4-layers (layer by layer).\n" in text
    assert "| W4-layers | 900 | 450 | - | layer by layer | - | - | - | - | - | - |" in text


def test_the_page_in_the_checkout_is_that_of_the_record() -> None:
    assert pages.PAGE.read_text() == pages.page(pages.on_record(), growth.on_record()), "python -m benchmarks record"


def test_a_record_is_taken_with_its_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there, page, path = tmp_path / "records" / "gpu.json", tmp_path / "page.md", tmp_path / "a.json"
    monkeypatch.setattr(pages, "ON_RECORD", there)
    monkeypatch.setattr(pages, "PAGE", page)
    record.write(path, measured())
    result = CliRunner().invoke(app, ["record", str(path)])
    assert result.exit_code == 0, result.output
    assert there.read_bytes() == path.read_bytes()
    assert page.read_text() == pages.page(measured(), growth.on_record())
    page.unlink()
    assert CliRunner().invoke(app, ["record"]).exit_code == 0
    assert page.read_text() == pages.page(measured(), growth.on_record())


def test_a_quick_run_is_not_taken_on_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "ON_RECORD", tmp_path / "gpu.json")
    path = tmp_path / "a.json"
    record.write(path, measured() | {"quick": True})
    result = CliRunner().invoke(app, ["record", str(path)])
    assert result.exit_code == 2
    assert "--quick, which measures nothing" in result.output
    assert not (tmp_path / "gpu.json").exists()


def test_the_attack_is_a_table_of_facts() -> None:
    found = {"images": 59990, "of": 59990, "data": "MNIST", "error_rate": 0.01, "seconds": 9.0, "first_s": 3.0}
    found |= {"success": 1.0, "evaluations": 100.0, "distortion": 0.05}
    off = {"median": 1e-4, "largest": 0.01, "within 2%": 1.0}
    cpu = {"backend": "numba", "cores": 16, "images": 2000, "seconds": 2.0, "ms_per_image": 1.0, "success_differs": 0}
    loop = {"name": "SciPy", "images": 60, "ms_per_image": 4.5, "not_found": 0, "distortion": 0.05, "ratio": 30.0}
    found |= {"cpu": cpu | {"relative_difference": off}, "scipy": [loop, loop | {"ratio": 25.0}]}
    lines = dict(tables.attack_cells(measured() | {"attack": found}))
    assert lines["faster than the quickest loop of SciPy by"] == "25 (must 20, goal 50): must"
    assert lines["our distortions against these, relative"].startswith("median 0.0001, largest 0.01, within 2% 1;")
    assert lines["images"] == "all 59,990 (MNIST); error of the network 1.00%"
    lines = dict(tables.attack_cells(measured() | {"attack": found | {"images": 4096}}))
    assert lines["images"].startswith("4,096 of 59,990, as many as there was time for (MNIST)")
    assert tables.attack_cells(measured() | {"attack": {"why_not": "no time"}})[0][1] == "no time"
    assert tables.attack_cells(measured())[0][1] == "not measured"


# The least time


def test_a_floor_is_the_longest_of_what_must_be_done() -> None:
    must = floor.Least(6e7, 4e6, 5e4, waits=3)
    assert must.seconds(CEILINGS) == pytest.approx(1e-6 + 1e-6 + 3 * 9e-7)
    assert must.limit(CEILINGS) == "waiting"
    of_a_cluster = floor.Least(1.2e8, 4e6, waits=2, of_a_cluster=True)
    assert of_a_cluster.seconds(CEILINGS) == pytest.approx(2e-6 + 2 * 2e-7)
    assert of_a_cluster.limit(CEILINGS) == "operations"


def test_only_what_pooling_reads_and_sends_back_is_counted() -> None:
    """W1 for one image: 2.2 million operations forward, of which the gradients and deltas need a quarter or all."""
    (one,), _ = choose_rows("W1-b1")
    conv = [2 * f * c * 25 * side**2 for f, c, side in ((5, 1, 56), (8, 5, 24), (10, 8, 8))]
    dense = [2 * 160 * 20, 2 * 20 * 15]
    routed = [*(n / 4 for n in conv), *dense]
    assert floor.least(one).operations == sum(conv) + sum(dense) + sum(routed) + sum(routed[1:])
    (jacobian, _), _ = choose_rows("W5-W1,W5-W1-host")
    each = 4 * 15 * 165 * (5 * 28**2 + 8 * 12**2 + 10 * 4**2)
    assert floor.least(jacobian).bytes > each
    assert floor.least(jacobian).bytes_down == 0
    assert floor.least(choose_rows("W5-W1-host")[0][0]).bytes_down == each


def test_the_page_says_where_the_time_of_a_call_goes() -> None:
    assert "| W1-b1 | 1 arrange, 2 gradients | 30 | 45 |" in pages.page(measured())
    assert "host, us" not in pages.page(None).partition("## The least time")[0].rpartition("waits for.")[2]


def test_the_page_says_when_the_kernels_are_others() -> None:
    found, changed = measured(), "**The kernels have changed since.**"
    assert f"{changed} " in pages.page(found)
    assert "The record does not say which sources ran." in pages.page(found)
    found["versions"] = {**found["versions"], "kernels": "0" * 12}
    assert f"The sources that ran have the digest {'0' * 12}, these\nhere {card.kernels()} " in pages.page(found)
    found["versions"]["kernels"] = card.kernels()
    assert changed not in pages.page(found)
    assert changed not in pages.page(None)
