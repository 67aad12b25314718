"""`nnpg gradcheck`: every derivative of a network against its forward pass."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from nnpg.cli.options import BackendOption, JsonOption, SeedOption, print_json
from nnpg.files import load_network
from nnpg.gradient_check import gradcheck as check
from nnpg.recipes.models import MODELS

SHAPES = {"face_net": (1, 60, 60), "digit_net": (1, 28, 28), "cifar_net": (3, 32, 32)}


def gradcheck(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help=f"A model's file, or one of {', '.join(MODELS)}.")
    ] = "face_net",
    tolerance: Annotated[
        float, typer.Option("--tolerance", help="Relative error that finite differences may have.")
    ] = 1e-6,
    seed: SeedOption = 0,
    backend: BackendOption = "auto",
    every: Annotated[bool, typer.Option("--all", help="Print every check, a line each.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check every derivative of a network against its own forward pass.

    Backpropagation is written by hand here, so it is checked: each layer's output is changed a little, and the effect
    is compared with what backward returns, in float64, for every layer, every delta and every weight. A mistake is
    named with its layer, array, place and likely cause, and the exit code is 1. What is right has one line a layer.

    Example: `nnpg gradcheck face_net`
    """
    if model in MODELS:
        net = MODELS[model](np.zeros((1, *SHAPES[model])), rng=seed, backend=backend)
    elif Path(model).suffix == ".safetensors":
        net = load_network(model, backend)
    else:
        raise ValueError(f"{model!r} is neither a model's file (.safetensors) nor one of {', '.join(MODELS)}")
    report = check(net, rng=seed, tolerance=tolerance, raise_on_failure=False)
    if as_json:
        print_json({"ok": report.ok, "rows": report.to_dicts()})
    else:
        print(report if every else f"{report.summary()}; --all prints each")
    if not report.ok:
        raise typer.Exit(1)
