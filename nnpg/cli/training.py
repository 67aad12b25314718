"""`nnpg train`: from images to a model's file."""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import typer

import nnpg
from nnpg.cli.data import OWN_SPLIT, Source, data_record
from nnpg.cli.options import (
    DATA_HELP,
    BackendOption,
    DataDirOption,
    JsonOption,
    SeedOption,
    output_file,
    percent,
    print_json,
)
from nnpg.data import Dataset
from nnpg.files import writable
from nnpg.files.training_state import epochs_done, size_of
from nnpg.recipes.models import MODELS, model_for
from nnpg_command import Interrupted


@dataclass(frozen=True)
class Settings:
    """How a network is trained unless the command says otherwise."""

    epochs: int
    batch: int
    lr: float
    momentum: float


SETTINGS = {
    "face_net": Settings(60, 4, 0.1, 0.0),  # Lo & Ding's rate; single images (batch 1) diverge at it
    "digit_net": Settings(5, 64, 0.05, 0.9),
    "cifar_net": Settings(26, 128, 0.01, 0.9),  # the paper's 10,000 steps
}

_BY_MODEL = "Default: the model's own."


def train(
    data: Annotated[str, typer.Option("--data", metavar="DATA", help=DATA_HELP)] = "faces",
    data_dir: DataDirOption = None,
    model: Annotated[
        Literal["auto", "face_net", "digit_net", "cifar_net"],
        typer.Option("--model", help="The papers' networks: for faces, for digits, for small colour images."),
    ] = "auto",
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, help=f"Passes over the training images. {_BY_MODEL}")
    ] = None,
    batch: Annotated[int | None, typer.Option("--batch", min=1, help=f"Images a step. {_BY_MODEL}")] = None,
    lr: Annotated[float | None, typer.Option("--lr", help=f"Learning rate. {_BY_MODEL}")] = None,
    momentum: Annotated[float | None, typer.Option("--momentum", help=f"In [0, 1). {_BY_MODEL}")] = None,
    seed: SeedOption = 0,
    test_share: Annotated[
        float, typer.Option("--test-share", help="Share of the images held out for testing, where the set has none.")
    ] = 0.25,
    save: Annotated[
        Path | None, typer.Option("--save", metavar="FILE.safetensors", help="Write the trained model to this file.")
    ] = None,
    draw: Annotated[
        Path | None, typer.Option("--draw", metavar="FILE.png", help="Draw loss and errors, epoch by epoch.")
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint",
            metavar="FILE.safetensors",
            help="Write the state of the training to this file after each epoch.",
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint if it exists.")] = False,
    backend: BackendOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Train a network and save it, with a record of how it was made.

    The network is that of the papers for images of this size. A quarter of each class's images is held out and never
    trained on; the test error is the share of those that the network gets wrong. Interrupted (Ctrl-C), a run with
    --checkpoint goes on later with --resume, to the same bits.

    Example: `nnpg train --data faces --epochs 60 --save faces.safetensors`
    """
    save = output_file(save, ".safetensors")
    draw = output_file(draw, ".png", ".svg", ".pdf")
    checkpoint = output_file(checkpoint, ".safetensors")
    if resume and checkpoint is None:
        raise ValueError("--resume needs --checkpoint FILE: the file to go on from")
    if checkpoint is not None and checkpoint.exists() and not resume:
        raise FileExistsError(f"{checkpoint} exists: go on from it with --resume, or delete it to start again")
    if not 0 < test_share < 1:
        raise ValueError(f"--test-share must lie between 0 and 1, not {test_share:g}")
    if lr is not None and not math.isfinite(lr):
        raise ValueError(f"--lr must be a number above 0, not {lr:g}")
    nnpg.SGD(0.1 if lr is None else lr, momentum or 0.0)  # settings and backend are checked before the images are read
    nnpg.load_backend(backend)
    if test_share != 0.25 and data in OWN_SPLIT:
        raise ValueError(f"{data} comes with test images of its own: leave --test-share out")
    source = Source(data, None if data_dir is None else str(data_dir), test_share, seed)
    parts = source.load()
    train_set, test_set = parts.train, parts.test
    name = model_for(train_set.image_shape) if model == "auto" else model
    default = SETTINGS[name]
    settings = Settings(
        epochs or default.epochs,
        batch or default.batch,
        default.lr if lr is None else lr,
        default.momentum if momentum is None else momentum,
    )
    net = MODELS[name](train_set.x, train_set.K, rng=seed, backend=backend)
    optimiser = nnpg.SGD(settings.lr, settings.momentum)
    if save:
        writable(save, size_of(net))  # now that its size is known
    say = _quiet if as_json else print
    say(f"{len(train_set)} training and {len(test_set)} test images of {data} ({source.describe_split()})")
    say(f"{name}: {net}")
    if parts.duplicates:
        print(f"note: an exact copy of {parts.duplicates} of the test images is trained on", file=sys.stderr)
    began = time.perf_counter()
    try:
        done = nnpg.train(
            net,
            train_set.x,
            train_set.labels,
            epochs=settings.epochs,
            batch=settings.batch,
            rng=seed,
            optimiser=optimiser,
            validation=(test_set.x, test_set.labels),
            checkpoint=checkpoint,
            resume=resume,
        )
    except KeyboardInterrupt as stop:
        raise Interrupted(_how_to_go_on(checkpoint)) from stop
    seconds = time.perf_counter() - began
    errors = {"train_error": _error(done.net, train_set), "test_error": _error(done.net, test_set)}
    provenance = {
        "nnpg": nnpg.__version__,
        "command": _command(),
        "model": name,
        "data": data_record(source, train_set, test_set),
        "training": {
            "epochs": len(done.history),
            "batch": settings.batch,
            "lr": settings.lr,
            "momentum": settings.momentum,
            "seed": seed,
            "backend": done.net.backend.name,
            "seconds": round(sum(epoch.seconds for epoch in done.history), 2),
        },
        **errors,
    }
    if errors["train_error"] > 0.9 * _error_of_guessing(train_set):
        print("note: this is hardly better than guessing; most likely --lr is too high, or too low", file=sys.stderr)
    if save:
        nnpg.save(done.net, save, provenance)
    if draw:
        from nnpg.plots import training_history

        training_history(done.history, draw)
    if as_json:
        history = [epoch._asdict() for epoch in done.history]
        print_json({"saved": save and str(save), "provenance": provenance, "history": history})
        return
    print(f"training error {_share(errors['train_error'], train_set)}")
    print(f"test error     {_share(errors['test_error'], test_set)}")
    print(f"{len(done.history)} epochs in {seconds:.1f} s")
    if save:
        print(f"saved {save}; next: nnpg rank {save}")
    else:
        print("not saved: --save FILE.safetensors keeps the model")


def _quiet(text: str) -> None:
    pass


def _error(net: nnpg.Network, images: Dataset) -> float:
    return nnpg.error_rate(net, images.x, images.labels)


def _error_of_guessing(images: Dataset) -> float:
    """Return the error of the answer that is always the most common class."""
    return 1 - np.bincount(images.labels).max() / len(images)


def _share(error: Any, images: Dataset) -> str:
    return f"{percent(error)} ({round(error * len(images))} of {len(images)})"


def _command() -> str:
    return " ".join(["nnpg", *sys.argv[1:]])


def _how_to_go_on(checkpoint: Path | None) -> str:
    if checkpoint is None:
        return "stopped; nothing is kept. With --checkpoint FILE.safetensors a stopped run can go on later"
    if not checkpoint.exists():
        return "stopped before the first epoch was done; nothing is kept"
    return f"stopped; {checkpoint} holds epoch {epochs_done(checkpoint)}. To go on, give the same command with --resume"
