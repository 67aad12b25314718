"""`nnpg demo`: the whole story on built-in faces."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

import nnpg
from nnpg.cli.data import Source, remembered
from nnpg.cli.options import JsonOption, print_json
from nnpg.files import results_folder, writable
from nnpg.report import demo as story
from nnpg.scores import Filter
from nnpg_command import Interrupted

QUICK_EPOCHS = 10


def demo(
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="The folder for the page, the pictures and the model.")
    ] = Path("out/demo"),
    seed: Annotated[
        int,
        typer.Option(
            "--seed", min=0, max=2**63 - 1, help="Of the split, the first weights and the order of the images."
        ),
    ] = story.SEED,
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, help=f"Passes over the training images. [default: {story.EPOCHS}]")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help=f"A look in a hurry: {QUICK_EPOCHS} epochs.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Train, rank, knock out and explain, on built-in faces: the place to start.

    Trains Lo & Ding's network to tell 15 drawn faces apart, ranks its filters for each of them by prediction gradient,
    knocks filters out to see whether the ranking is right, and writes one page that shows and explains all of it.
    It needs no data and no internet, and takes less than a minute.

    Example: `nnpg demo --out out/demo`, then open out/demo/index.html in a browser.
    """
    if quick and epochs is not None:
        raise ValueError("give --quick or --epochs, not both")
    results_folder(out)
    writable(out / "index.html")
    writable(out / "faces.safetensors")
    epochs = epochs or (QUICK_EPOCHS if quick else story.EPOCHS)
    command = f"nnpg demo --seed {seed} --epochs {epochs}"
    say = _quiet if as_json else print
    began = time.perf_counter()
    try:
        found = story.measure(seed, epochs, say=say)
        say("drawing, and writing the page")
        page = _write(found, out, seed, epochs, command)
    except KeyboardInterrupt as stop:
        raise Interrupted(f"stopped; {out} is not complete. The same command starts afresh") from stop
    seconds = time.perf_counter() - began
    if as_json:
        print_json(_as_dict(found, page, seconds))
        return
    _print(found)
    print(f"\nopen {page}\n{seconds:.1f} s")


def _write(found: story.Findings, out: Path, seed: int, epochs: int, command: str) -> Path:
    from nnpg.report.demo import page as demo_page

    train_set, test_set = found.split.apply(found.data)
    provenance = {
        "nnpg": nnpg.__version__,
        "command": command,
        "model": "face_net",
        "data": remembered(Source("faces", split_seed=seed), train_set, test_set),
        "training": {"epochs": epochs, "batch": story.BATCH, "lr": story.LR, "momentum": 0.0, "seed": seed},
        "train_error": found.train_error,
        "test_error": found.test_error,
    }
    nnpg.save(found.training.net, out / "faces.safetensors", provenance)
    return demo_page.write(found, out, command)


def _print(found: story.Findings) -> None:
    from nnpg.report.demo.page import held, verdict

    def ends(units: list[Filter]) -> str:
        return ", ".join(map(str, units))

    print(f"\n{'':8}{'feature':26}{'strongest filters':20}weakest filters")
    for row, feature in zip(found.scores.rows, found.data.features or found.scores.rows, strict=True):
        strongest, weakest = found.scores.strongest(row, 2), found.scores.weakest(row, 2)
        print(f"{row:8}{feature:26}{ends(strongest):20}{ends(weakest)}")
    print(f"\n{verdict(found)}\n{held(found)}\n")
    for claim in found.claims:
        print(f"{'yes' if claim.holds else 'no':5}{claim.claim}\n     {claim.found}")


def _as_dict(found: story.Findings, page: Path, seconds: float) -> dict[str, Any]:
    return {
        "page": str(page),
        "model": str(page.parent / "faces.safetensors"),
        "seconds": seconds,
        "train_error": found.train_error,
        "test_error": found.test_error,
        "claims": [asdict(claim) for claim in found.claims],
        "ranking": [
            {
                "class": row,
                "strongest_first": [
                    {"layer": unit.layer, "filter": unit.f, "score": unit.score} for unit in found.scores.strongest(row)
                ],
            }
            for row in found.scores.rows
        ],
    }


def _quiet(text: str) -> None:
    pass
