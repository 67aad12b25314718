"""docs/performance.md, written from the record that is checked in; no number in it is typed."""

from __future__ import annotations

from pathlib import Path

from benchmarks.gpu import tables
from benchmarks.gpu.card import kernels
from benchmarks.gpu.record import ON_RECORD, Record, new, read
from benchmarks.gpu.rows import ROWS
from benchmarks.growth import record as growth
from nnpg.files.atomic import write_file

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
NO_CARD = {"card": "", "driver": "", "versions": {}, "date": ""}
TEXT = """# How fast it is on a GPU, and how the cost grows on a CPU

Written by `python -m benchmarks record`, from `benchmarks/records/`. How fast it is on a CPU: README, "Speed".

{card}

```
python -m benchmarks gpu --floor                     # the ceilings of the card, and the least time of each row
python -m benchmarks gpu --json gpu.json             # all rows, about 8 minutes; --only W1,W4 for some
python -m benchmarks gpu --layers --json gpu.json    # one layer at a time, beside cuDNN; goes on with the same file
python -m benchmarks record gpu.json                 # takes the file on record, and writes this page
```

Everything is float32 without TF32, on random images that are on the device before any time is taken. A competitor is
timed after its result has been compared with ours (`benchmarks/measuring/agreement.py` has the tolerances); who
differs, fails or has no time is listed with the reason. All take turns, round after round; "at least" is the quickest
round. A round is 200 steps, or half a second of steps longer than 5 ms; a competitor that takes three times as long as
the quickest has two rounds. PyTorch's times are between events of the device around all steps of a round, in its graphs
of the whole step without Python; JAX's are the host's, around one `lax.scan` of 200 steps that is waited for.

Ours is the time of the public functions. `nnpg.train`: epochs of 64 steps by the host's clock, minus a call of one
epoch; what such a call takes beside its steps is the set-up. `prediction_gradient` where the result comes down to the
host (`-host`), what it calls where the result stays on the device, and the knock-out sweeps: between events.

## The card

Its ceilings, by `python -m benchmarks gpu --floor`.

{ceilings}

## Ours and the best competitor

By `python -m benchmarks gpu --json gpu.json`.

W1 is the face network 5-8-10 (60 x 60) at batch 1, 32 and 124; W2 the MNIST network 32-64-200, batch 100; W3 the
CIFAR-10 network 32-32-64, batch 128; W4 784-100-100-10, batch 100. W5 is dy/do of every block for all classes, of 165
images of W1 and 256 of W3; W6 five knock-out sweeps of all 23 filters over 165 images. W1-b32-layers and W4-layers are
the same trainings layer by layer, as all are that have no resident program: they stand beside the CPU, and have no
competitor. The ratio is the time of the best competitor over ours.

{rows}

{slower}

Where the time of a call of W5 and W6 goes: the device's from the beginning of each launch to its end, by events, and
the host's until the call returns, with all that it waits for.

{parts}

## The least time

By `python -m benchmarks gpu --floor`.

What no implementation can avoid: operations at the rate of multiply-adds in registers or bytes at the rate of copies,
whichever is longer, the bytes that come down, and parts that wait for each other (`benchmarks/gpu/floor.py`).

{floors}

## Minimal distortion

`minimal_distortion` of a sigmoid network 784-100-100-10 in one call, random targets:
`python -m benchmarks gpu --only attack --json gpu.json`. It attacks all of 60,000 images that are not of their target
already, or as many as half of its time is enough for: `--minutes`, all of them for the attack where it alone is asked
for.

{attack}

## One layer at a time

Our kernels beside cuDNN by PyTorch, the better of its two layouts, both in graphs:
`python -m benchmarks gpu --layers --json gpu.json`.

{layers}

## Everyone

All that `python -m benchmarks gpu --json gpu.json` timed, and why some have no time.

{everyone}

## How the cost grows on a CPU

Time of our functions on random images, against images, classes, the work per image of wider networks, and threads:
`python -m benchmarks growth`. The roof is the same work at the speed of multiply-adds that never leave the registers.
The exponent is p of time ~ work^p over the upper half of a line, 1 where the cost is linear; for threads of
time ~ threads^p, -1 where it is shared out evenly.

{growth}
"""


CHANGED = """**The kernels have changed since.** Every time of ours on a card is of the code before that change; the
code as it stands has not been measured. {what}"""
BY_DIGEST = "The sources that ran have the digest {ran}, these\nhere {here} (`benchmarks.gpu.card.kernels`)."
# The record of the NVIDIA H200 has no digest of its sources, and no commit.
WITHOUT_DIGEST = """The record does not say which sources ran. It was checked in with
commit 68ca6f3, so they are not newer than that. The CUDA sources have changed since in five commits:

- 6f03e57, W5: up to 16 classes go back together, and results come down beside the work; deltas in all programs.
- 92c18ce, W6: the steps of an image are divided among blocks of threads, two of them on a multiprocessor.
- 639b7f9, layers: which pixels neighbouring threads have in the delta of a convolution with a stride.
- 1362820, W1-b1: in many steps a launch, each block of a team writes its own deltas of a dense layer.
- 5d4ba22, attack, W6, layers: an attack reads a network in one launch; several sweeps are one launch; a delta of few
  channels keeps rows. The loss of a training is in a file that attacks share."""


def page(record: Record | None, grown: growth.Record | None = None) -> str:
    """Return the page of a card's record and of one of growth; without them it says "not measured"."""
    found = record or new(NO_CARD)
    lines, parts = tables.layer_cells(found), tables.parts_cells(found)
    everyone = tables.all_cells(found)
    return TEXT.format(
        card=_card(found),
        ceilings=tables.markdown(("", ""), tables.ceiling_cells(found)),
        rows=tables.markdown(tables.ROW_HEADER, tables.row_cells(found)),
        parts=tables.markdown(tables.PARTS_HEADER, parts) if parts else _sentence(tables.NONE),
        slower=slower_than_the_cpu(found),
        floors=tables.markdown(tables.FLOOR_HEADER, tables.floor_cells(found)),
        attack=tables.markdown(("", ""), tables.attack_cells(found)),
        layers=tables.markdown(tables.LAYER_HEADER, lines) if lines else _sentence(tables.NONE),
        everyone=tables.markdown(tables.ALL_HEADER, everyone) if everyone else _sentence(tables.NONE),
        growth=growth.NOT_MEASURED if grown is None else _growth(grown),
    )


def _growth(grown: growth.Record) -> str:
    figure = f"![Time against images, classes, work per image and threads, and the roof](images/{growth.FIGURE.name})"
    return "\n\n".join((growth.machine(grown), figure, tables.markdown(growth.HEADER, growth.cells(grown))))


def slower_than_the_cpu(record: Record) -> str:
    """Say in which rows the card takes longer than our compiled programs on the CPU beside it, and how it computed."""
    both = {name: entry for name, entry in record["rows"].items() if entry["ours"] and entry["cpu"]}
    if not both:
        return "Whether the card is faster than `numba` on the CPU: not measured."
    slower = [
        f"{name} ({entry['ours']['computed'].partition(',')[0]})"
        for name, entry in both.items()
        if entry["ours"]["us"] > entry["cpu"]["us"]
    ]
    cores = " or ".join(map(str, sorted({entry["cpu"]["cores"] for entry in both.values()})))
    rest = [row.name for row in ROWS if row.name not in both]
    not_known = f" Not measured on both: {', '.join(rest)}." if rest else ""
    found = ", ".join(slower) or "no row that was measured on both"
    return f"Slower on the card than by `numba` on {cores} cores of a CPU: {found}.{not_known}"


def _card(record: Record) -> str:
    if not record["card"]:
        return "No card is on record: nothing in this page has been measured."
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items() if version)
    measured = f"{record['card']}, driver {record['driver'] or 'unknown'}, {record['date']}. {versions}."
    ran, here = record["versions"].get("kernels"), kernels()
    if ran == here:
        return measured
    what = BY_DIGEST.format(ran=ran, here=here) if ran else WITHOUT_DIGEST
    return f"{measured}\n\n{CHANGED.format(what=what)}"


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def on_record() -> Record | None:
    """Return the record that is checked in, or None."""
    return read(ON_RECORD) if ON_RECORD.exists() else None


def take(file: Path | None) -> list[Path]:
    """Take a file on record, if one is named, and write the page; return what was written.

    Raises
    ------
    ValueError
        If the file is no record, or one of a quick run. Nothing is written then.
    """
    written = []
    if file is not None:
        found = read(file)
        if found["quick"]:
            raise ValueError(f"{file}: it is of a run with --quick, which measures nothing")
        text = page(found, growth.on_record())  # before anything is written
        ON_RECORD.parent.mkdir(exist_ok=True)
        written.append(write_file(ON_RECORD, file.read_bytes()))
    else:
        text = page(on_record(), growth.on_record())
    written.append(write_file(PAGE, text.encode()))
    return written
