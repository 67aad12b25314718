"""The tables of a record: printed while it grows, and in docs/performance.md. A cell without a number says so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.gpu import card
from benchmarks.gpu.attack import N as ATTACKED
from benchmarks.gpu.breakdown import in_words
from benchmarks.gpu.floor import least
from benchmarks.gpu.record import Record, ceilings_of
from benchmarks.gpu.rows import ATTACK_BARS, ROWS, Row

NONE = "not measured"
Cells = tuple[str, ...]

ROW_HEADER = (
    "",
    "ours, us",
    "at least",
    "set-up, ms",
    "computed",
    "best competitor",
    "theirs, us",
    "ratio",
    "must",
    "goal",
    "verdict",
    "floor, us",
    "floor / ours",
    "floor / theirs",
    "numba on the CPU, us",
)
ALL_HEADER = ("", "who", "us", "at least", "range", "rounds x steps", "clock", "agreement, or why there is no time")
FLOOR_HEADER = ("", "operations", "bytes", "down", "waits", "floor, us", "limit")
PARTS_HEADER = ("", "launches of a call", "device in them, us", "host, us")
LAYER_HEADER = ("layer", "pass", "images", "ours, us", "cuDNN, us", "layout", "ratio", "floor, us", "floor / ours")


def short(number: float | None) -> str:
    """Return three digits of a number.

    Examples
    --------
    >>> short(1234.5), short(0.01234), short(None)
    ('1,234', '0.0123', 'not measured')
    """
    return NONE if number is None else f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"


def verdict(ratio: float | None, must: float | None, goal: float | None) -> str:
    """Return whether a ratio reaches what it must, or the goal; "-" where nothing is asked for.

    Examples
    --------
    >>> verdict(1.6, 1.5, 3), verdict(1.2, 1.5, 3), verdict(None, 1.5, 3)
    ('must', 'missed', 'not measured')
    """
    if must is None or goal is None:
        return "-"
    if ratio is None:
        return NONE
    return "goal" if ratio >= goal else "must" if ratio >= must else "missed"


def row_cells(record: Record, rows: Sequence[Row] = ROWS) -> list[Cells]:
    """Return a line for each row: ours, the best competitor, their ratio, and what is possible."""
    return [_row(row, record) for row in rows]


def _row(row: Row, record: Record) -> Cells:
    entry = record["rows"].get(row.name, {})
    ours, cpu = entry.get("ours"), entry.get("cpu")
    floor = least(row).seconds(ceilings_of(record)) * 1e6 if record["ceilings"] else None
    best = next((one for one in entry.get("theirs", ()) if one["name"] == entry["best"]), None)
    none = "-" if row.by_layers else NONE  # it has no competitor
    return (
        row.name,
        short(ours and ours["us"]),
        short(ours and ours["min_us"]),
        short(ours["setup_ms"]) if ours and ours["setup_ms"] is not None else "-" if ours else NONE,
        ours["computed"].partition(",")[0] if ours else NONE,
        best["name"] if best else none,
        short(best["us"]) if best else none,
        short(entry["ratio"]) if best else none,
        "-" if row.must is None else f"{row.must:g}",
        "-" if row.goal is None else f"{row.goal:g}",
        "" if record["quick"] else verdict(entry.get("ratio"), row.must, row.goal),
        short(floor),
        f"{floor / ours['us']:.1%}" if ours and floor else NONE,
        f"{floor / best['us']:.1%}" if best and floor else none,
        short(cpu and cpu["us"]),
    )


def all_cells(record: Record, rows: Sequence[Row] = ROWS) -> list[Cells]:
    """Return a line for everyone who took part in a row or could not: times, or the reason."""
    lines: list[Cells] = []
    for row in rows:
        entry = record["rows"].get(row.name)
        if entry is None:
            continue
        for one in [entry["ours"], *entry["theirs"]] if entry["ours"] else []:
            steps = f"{one['rounds']} x {one['steps_in_a_round']}"
            what = one["agreement"] or one["computed"]
            times = short(one["us"]), short(one["min_us"]), f"{one['spread']:.0%}", steps, one["clock"], what
            lines.append((row.name, one["name"], *times))
        lines += [(row.name, name, *("-",) * 5, why) for name, why in entry["left_out"].items()]
    return lines


def parts_cells(record: Record) -> list[Cells]:
    """Return a line for each row of which it is known where the time of a call goes."""
    found = {name: entry.get("parts") for name, entry in record["rows"].items()}
    return [
        (name, in_words(parts["launches"]), short(parts["kernels_us"]), short(parts["host_us"]))
        for name, parts in found.items()
        if parts
    ]


def ceiling_cells(record: Record) -> list[Cells]:
    """Return a line for each ceiling of the card."""
    if record["ceilings"] is None:
        return [("ceilings of the card", NONE)]
    return [*card.in_words(ceilings_of(record))]


def floor_cells(record: Record, rows: Sequence[Row] = ROWS) -> list[Cells]:
    """Return a line for each row: what it must do, and the least time of that."""
    lines: list[Cells] = []
    for row in rows:
        must = least(row)
        cells = row.name, f"{must.operations:,.0f}", f"{must.bytes:,.0f}", f"{must.bytes_down:,.0f}", str(must.waits)
        if record["ceilings"] is None:
            lines.append((*cells, NONE, NONE))
        else:
            ceilings = ceilings_of(record)
            lines.append((*cells, short(must.seconds(ceilings) * 1e6), must.limit(ceilings)))
    return lines


def layer_cells(record: Record) -> list[Cells]:
    """Return a line for each layer and pass that was tried."""
    lines: list[Cells] = []
    for one in record["layers"]:
        start = one["layer"], one["pass"], str(one["images"])
        if one["why_not"]:
            lines.append((*start, one["why_not"], *("-",) * 5))
            continue
        times = short(one["ours_us"]), short(one["theirs_us"]), one["theirs"].removeprefix("torch ")
        lines.append((*start, *times, short(one["ratio"]), short(one["floor_us"]), f"{one['share']:.0%}"))
    return lines


def attack_cells(record: Record) -> list[Cells]:
    """Return a line for each fact of the attack."""
    found: dict[str, Any] | None = record["attack"]
    if found is None:
        return [("minimal distortion of 60,000 images", NONE)]
    if "why_not" in found:
        return [("minimal distortion of 60,000 images", found["why_not"])]
    cpu, off = found["cpu"], found["cpu"]["relative_difference"]
    difference = ", ".join(f"{name} {number:.2g}" for name, number in off.items() if number is not None)
    lines: list[Cells] = [
        ("images", f"{_images_of(found)} ({found['data']}); error of the network {found['error_rate']:.2%}"),
        ("seconds, one call", f"{found['seconds']:.2f}; the first call, of a few images, {found['first_s']:.2f}"),
        ("success", f"{found['success']:.2%}"),
        ("passes per image", f"{found['evaluations']:.0f}"),
        ("mean distortion", f"{found['distortion']:.5f}"),
        (
            f"{cpu['backend']} on {cpu['cores']} cores, {cpu['images']:,} images",
            f"{cpu['ms_per_image']:.3g} ms per image",
        ),
        (
            "our distortions against these, relative",
            f"{difference}; success differs for {cpu['success_differs']}",
        ),
    ]
    lines += [
        (
            f"{one['name']}, {one['images']} images",
            f"{one['ms_per_image']:.3g} ms per image, {one['ratio']:.3g} times ours; not found {one['not_found']}",
        )
        for one in found["scipy"]
    ]
    ratio = min((one["ratio"] for one in found["scipy"]), default=None)
    must, goal = ATTACK_BARS
    judged = "" if record["quick"] else f" (must {must:g}, goal {goal:g}): {verdict(ratio, must, goal)}"
    return [*lines, ("faster than the quickest loop of SciPy by", f"{short(ratio)}{judged}")]


def _images_of(found: dict[str, Any]) -> str:
    """How many images were attacked, and if these are not all, of how many. A record of before has only the former."""
    of = found.get("of", ATTACKED)
    few = found["images"] < of
    return f"{found['images']:,} of {of:,}, as many as there was time for" if few else f"all {of:,}"


def markdown(header: Sequence[str], lines: Iterable[Cells]) -> str:
    """Return a table in Markdown."""
    rows = [tuple(header), ("---",) * len(header), *lines]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows)
