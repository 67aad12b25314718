"""`nnpg demo`: training, ranking and knock-outs on built-in faces, explained on one page."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

import nnpg
from nnpg.cli.data import Source, data_record
from nnpg.cli.options import JsonOption, print_json
from nnpg.data import faces
from nnpg.explorer import images_of_page
from nnpg.files import results_folder, writable
from nnpg.recipes.models import face_net
from nnpg.report.demo import BATCH, EPOCHS, LR, SEED, Findings, examine, learn, pictures
from nnpg.report.demo import page as demo_page
from nnpg.report.demo.ahead import compile_ahead, compiled_by_two, is_missing
from nnpg.report.demo.claims import claims_about_gradients
from nnpg.scores import Filter
from nnpg.support.second_process import Begin, another_process
from nnpg_command import Interrupted

QUICK_EPOCHS = 10
EXPLORER = "explorer.html"  # beside the page
MODEL = "faces.safetensors"


def demo(
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="The folder for the page, the pictures and the model.")
    ] = Path("out/demo"),
    seed: Annotated[
        int,
        typer.Option(
            "--seed", min=0, max=2**63 - 1, help="Of the split, the first weights and the order of the images."
        ),
    ] = SEED,
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, help=f"Passes over the training images. [default: {EPOCHS}]")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help=f"Train for {QUICK_EPOCHS} epochs only.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Train, rank, knock out and explain, on built-in faces: the place to start.

    Trains Lo & Ding's network to tell 15 drawn faces apart, ranks its filters for each of them by prediction gradient,
    knocks filters out to see whether the ranking is right, and writes one page that shows and explains all of it, and
    beside it the explorer, a page that computes: see `nnpg explore`.
    It needs no data and no internet, and takes less than a minute.

    Example: `nnpg demo --out out/demo`, then open out/demo/index.html in a browser.
    """
    if quick and epochs is not None:
        raise ValueError("give --quick or --epochs, not both")
    results_folder(out)
    writable(out / "index.html")
    writable(out / MODEL)
    writable(out / EXPLORER)
    epochs = epochs or (QUICK_EPOCHS if quick else EPOCHS)
    command = f"nnpg demo --seed {seed} --epochs {epochs}"
    say = _quiet if as_json else print
    began = time.perf_counter()
    try:
        with another_process() as begin:
            findings, page = _made(begin, out, seed, epochs, command, say)
    except KeyboardInterrupt as stop:
        raise Interrupted(f"stopped; {out} is not complete. The same command starts again") from stop
    seconds = time.perf_counter() - began
    if as_json:
        print_json(_as_dict(findings, page, seconds))
        return
    _print(findings)
    print(f"\nopen {page}\n{seconds:.1f} s")


def _made(
    begin: Begin, out: Path, seed: int, epochs: int, command: str, say: Callable[[str], None]
) -> tuple[Findings, Path]:
    """Train, measure and write everything; the other process draws, while this one measures and attacks."""
    drawn = [begin(pictures.prepare)]
    data = faces()
    missing = is_missing(face_net(data.x, data.K))
    if missing:
        begin(compile_ahead, data)
    drawn.append(begin(pictures.draw_people, data, out))
    with compiled_by_two() if missing else nullcontext():
        learnt = learn(data, seed, epochs, say=say)
    drawn.append(begin(pictures.draw_network, learnt, out))
    findings = examine(learnt, seed, say=say)
    drawn.append(begin(pictures.draw_damage, findings, out))
    train_set, test_set = findings.split.apply(data)
    provenance = {
        "nnpg": nnpg.__version__,
        "command": command,
        "model": "face_net",
        "data": data_record(Source("faces", split_seed=seed), train_set, test_set),
        "training": {"epochs": epochs, "batch": BATCH, "lr": LR, "momentum": 0.0, "seed": seed},
        "train_error": findings.train_error,
        "test_error": findings.test_error,
    }
    say("drawing, and writing the page")
    nnpg.save(findings.training.net, out / MODEL, provenance)
    chosen = images_of_page(findings.training.net, data.x, data.labels)
    nnpg.explore(
        findings.training.net,
        data.x[chosen],
        data.labels[chosen],
        out / EXPLORER,
        class_names=data.class_names,
        title="faces",
        attack=epochs >= EPOCHS,  # a net that is hardly trained is fooled by anything
    )
    about_gradients = claims_about_gradients(findings.training.net, data, findings.scores)
    findings = replace(findings, claims=(*about_gradients, *findings.claims))
    page = begin(demo_page.write, findings, out, command, MODEL, EXPLORER, chosen)
    for part in drawn:
        part()
    return findings, page()


def _print(findings: Findings) -> None:
    def ends(units: list[Filter]) -> str:
        return ", ".join(map(str, units))

    print(f"\n{'':8}{'feature':26}{'strongest filters':20}weakest filters")
    for row, feature in zip(findings.scores.rows, findings.data.features or findings.scores.rows, strict=True):
        strongest, weakest = findings.scores.strongest(row, 2), findings.scores.weakest(row, 2)
        print(f"{row:8}{feature:26}{ends(strongest):20}{ends(weakest)}")
    print(f"\n{demo_page.verdict(findings)}\n{demo_page.held(findings)}\n")
    for claim in findings.claims:
        print(f"{'yes' if claim.holds else 'no':5}{claim.claim}\n     {claim.found}")


def _as_dict(findings: Findings, page: Path, seconds: float) -> dict[str, Any]:
    return {
        "page": str(page),
        "model": str(page.parent / MODEL),
        "explorer": str(page.parent / EXPLORER),
        "seconds": seconds,
        "train_error": findings.train_error,
        "test_error": findings.test_error,
        "claims": [asdict(claim) for claim in findings.claims],
        "ranking": [
            {
                "class": row,
                "strongest_first": [
                    {"layer": unit.layer, "filter": unit.f, "score": unit.score}
                    for unit in findings.scores.strongest(row)
                ],
            }
            for row in findings.scores.rows
        ],
    }


def _quiet(text: str) -> None:
    pass
