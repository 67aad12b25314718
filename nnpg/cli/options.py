"""The options that several commands share, and the way all of them print JSON and name files."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import typer

from nnpg.data import Dataset
from nnpg.files import writable
from nnpg.knockout import To
from nnpg.seeds import Of

Norm: TypeAlias = Literal["frobenius", "l1", "max", "rms", "mean"]
Average: TypeAlias = Literal["norm_of_mean", "mean_of_norms"]
Images: TypeAlias = Literal["all", "train", "test"]

DATA_HELP = (
    "faces (built in), yale, mnist, cifar10, a folder with one folder of images per class, or a .npz file with x and "
    "labels."
)
DataDirOption = Annotated[
    Path | None,
    typer.Option("--data-dir", metavar="DIR", help="The folder of yale, mnist and cifar10. Default: $NNPG_DATA."),
]
ModelArgument = Annotated[Path, typer.Argument(metavar="MODEL", help="A file that `nnpg train --save` wrote.")]
ModelDataOption = Annotated[
    str | None, typer.Option("--data", metavar="DATA", help=f"{DATA_HELP} Default: what the model was trained on.")
]
ImagesOption = Annotated[
    Images | None,
    typer.Option(
        "--images",
        help="Which images: all, or the model's own training or test images. Default: all; test for mnist and cifar10.",
    ),
]
ClassOption = Annotated[
    list[str] | None, typer.Option("--class", metavar="NAME", help="A class, or all. May be given again.")
]
NormOption = Annotated[Norm, typer.Option("--norm", help="What makes one number of a feature map's gradient.")]
AverageOption = Annotated[
    Average, typer.Option("--average", help="Norm of the class's mean gradient, or mean of its images' norms.")
]
OfOption = Annotated[
    Of, typer.Option("--of", help="What is differentiated: the probability (the papers), the logit, or its log.")
]
LayersOption = Annotated[
    str | None,
    typer.Option(
        "--layers", metavar="NAMES", help="Outputs to rank, as in pool1,pool2. Default: each convolutional block's."
    ),
]
ToOption = Annotated[
    To, typer.Option("--to", help="Knock out to 0, to the filter's mean, or to another image's value.")
]
SeedOption = Annotated[
    int, typer.Option("--seed", min=0, max=2**63 - 1, help="The same seed gives the same result, bit for bit.")
]
BackendOption = Annotated[str, typer.Option("--backend", help="Which kernels compute: auto, numba, numpy or cupy.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on stdout.")]


def print_json(value: Any) -> None:
    """Print a value as JSON; numbers that JSON cannot hold become null."""
    print(json.dumps(_plain(value), indent=1, allow_nan=False))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def output_file(path: Path | None, *suffixes: str) -> Path | None:
    """Return the path if a file can be written there; otherwise say what is wrong, before any work."""
    if path is None:
        return None
    if path.suffix.lower() not in suffixes:
        raise ValueError(f"{path} must end in {' or '.join(suffixes)}")
    return writable(path)


def chosen_classes(names: Sequence[str] | None, images: Dataset) -> list[int]:
    """Return the classes of these names; for None or "all", every class that has images."""
    if not names or "all" in names:
        return np.unique(images.labels).tolist()
    class_names = images.class_names
    chosen = []
    for name in names:
        c = class_named(name, class_names)
        if c not in images.labels:
            raise ValueError(
                f"no image of class {name!r} among these {len(images)}: choose another class or --images all"
            )
        chosen.append(c)
    return chosen


def class_named(name: str, class_names: Sequence[str]) -> int:
    """Return the class of this name.

    Examples
    --------
    >>> class_named("cats", ["cat", "dog"])
    Traceback (most recent call last):
    ...
    ValueError: no class named 'cats' (did you mean 'cat'?); the classes are cat, dog
    """
    if name not in class_names:
        close = difflib.get_close_matches(name, class_names, 1)
        guess = f" (did you mean {close[0]!r}?)" if close else ""
        raise ValueError(f"no class named {name!r}{guess}; the classes are {', '.join(class_names)}")
    return class_names.index(name)


def layer_names(text: str | None) -> tuple[str, ...] | None:
    """Split "pool1,pool2" into names; None means the library's choice.

    Examples
    --------
    >>> layer_names("pool1, pool2")
    ('pool1', 'pool2')
    """
    return None if text is None else tuple(name.strip() for name in text.split(","))


def percent(error: float) -> str:
    """Return a fraction as percent.

    Examples
    --------
    >>> percent(2 / 41)
    '4.9%'
    """
    return f"{100 * error:.1f}%"
