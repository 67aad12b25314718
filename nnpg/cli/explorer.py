"""`nnpg explore`: one file of HTML in which a model can be taken apart in the browser."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from nnpg.cli.data import open_model
from nnpg.cli.options import (
    BackendOption,
    DataDirOption,
    JsonOption,
    ModelArgument,
    ModelDataOption,
    output_file,
    print_json,
)
from nnpg.explorer import explore as write_page
from nnpg.explorer import images_of_page


def explore(
    model: ModelArgument,
    data: ModelDataOption = None,
    data_dir: DataDirOption = None,
    images: Annotated[
        int | None,
        typer.Option("--images", min=1, max=45, help="How many, of each class as many. [default: what 1 MB holds]"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.html", help="The page. [default: MODEL with .html]")
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    backend: BackendOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Write a page that computes a model in the browser: every output, delta and gradient, with its arithmetic.

    On the page one picks an image, a class and any number of the network, sees what it is computed from and where its
    delta comes from, moves it, knocks filters out, trains a step, and fools the network. A tour asks nine questions.
    The page is one file: open it by a double click, or mail it. It loads nothing and sends nothing.

    Example: `nnpg explore faces.safetensors --open`
    """
    out = output_file(out if out is not None else model.with_suffix(".html"), ".html", ".htm")
    assert out is not None
    work = open_model(model, data, data_dir, None, backend)
    chosen = images_of_page(work.net, work.images.x, work.images.labels, images)
    page = write_page(
        work.net,
        work.images.x[chosen],
        work.images.labels[chosen],
        out,
        class_names=work.images.class_names,
        title=model.stem,
    )
    size = page.stat().st_size
    if as_json:
        print_json({"model": str(model), "page": str(page), "bytes": size, "images": chosen.tolist()})
    else:
        print(f"wrote {page}: {size / 1e6:.2f} MB, {len(chosen)} images; open it in a browser")
    if show:
        webbrowser.open(page.resolve().as_uri())
