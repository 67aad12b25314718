"""`nnpg explain`: both passes for one image as a table, or the arithmetic of one unit or weight."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from nnpg.cli.data import Picture, open_picture
from nnpg.cli.options import (
    BackendOption,
    DataDirOption,
    ImagesOption,
    JsonOption,
    ModelArgument,
    ModelDataOption,
    class_named,
    output_file,
    print_json,
)
from nnpg.explanation import explain as explain_number
from nnpg.explanation import explain_passes
from nnpg.explanation.addresses import as_unit, as_weight
from nnpg.explanation.quantities import OfNumber


def explain(
    model: ModelArgument,
    unit: Annotated[
        str | None, typer.Option("--unit", metavar="UNIT", help="A unit, as in conv2:3,4,5: output, map, row, column.")
    ] = None,
    weight: Annotated[
        str | None, typer.Option("--weight", metavar="WEIGHT", help="A weight, as in conv2.W:3,1,0,2, or a bias.")
    ] = None,
    image: Annotated[
        str, typer.Option("--image", metavar="N|FILE", help="Number of the image, from 0, or a picture's file.")
    ] = "0",
    class_name: Annotated[
        str, typer.Option("--class", metavar="NAME|true|predicted", help="The class whose output is differentiated.")
    ] = "predicted",
    of: Annotated[
        OfNumber,
        typer.Option("--of", help="What is differentiated: the probability (the papers), the logit, log y, the loss."),
    ] = "prob",
    top: Annotated[int, typer.Option("--top", min=1, help="How many terms to print of each sum.")] = 8,
    draw: Annotated[
        Path | None, typer.Option("--draw", metavar="FILE.svg", help="Draw the unit or weight: .svg, .pdf or .png.")
    ] = None,
    data: ModelDataOption = None,
    data_dir: DataDirOption = None,
    images: ImagesOption = None,
    backend: BackendOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Show the arithmetic of a network for one image: of both passes, of one unit, or of one weight.

    Without --unit and --weight it prints a line for every output: its formula, its size, and the factor of
    dL/dw = dL/dy . dy/do . do/dw that is computed there. With one of them it prints the terms that the number is the
    sum of, those of its derivative, and the same derivative measured by moving the number a little.

    Example: `nnpg explain faces.safetensors --class true --unit conv2:3,8,9`
    """
    draw = output_file(draw, ".svg", ".pdf", ".png")
    if unit is not None and weight is not None:
        raise ValueError("explain takes --unit or --weight, not both: leave one out")
    if draw and unit is None and weight is None:
        raise ValueError(f"--draw {draw} draws one number: name it with --unit or --weight")
    picture = open_picture(model, image, data, data_dir, images, backend)
    if unit is not None:
        as_unit(picture.net, unit)
    if weight is not None:
        as_weight(picture.net, weight)
    asked: dict[str, Any] = {"classes": _class(picture, class_name), "of": of}
    if unit is None and weight is None:
        result: Any = explain_passes(picture.net, picture.x, **asked)
        text = str(result)
    else:
        result = explain_number(picture.net, picture.x, unit=unit, weight=weight, **asked)
        text = result.table(top)
        if draw:
            result.plot(draw)
    if as_json:
        print_json({"model": str(model), "image": picture.words, "class": class_name, "of": of, **result.to_dict()})
        return
    print(f"{picture.words}\n{text}")
    if draw:
        print(f"wrote {draw}")


def _class(picture: Picture, name: str) -> int:
    if name == "predicted":
        return int(np.argmax(picture.net.backend.to_numpy(picture.net.forward(picture.x).y)[0]))
    if name == "true":
        if picture.label is None:
            raise ValueError(
                f"--class true: nothing says of which class {picture.words} is: name a class, or predicted"
            )
        return picture.label
    return class_named(name, picture.class_names)
