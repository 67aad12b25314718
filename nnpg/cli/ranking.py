"""`nnpg rank`: which filters each class depends on."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from nnpg.cli.data import open_model
from nnpg.cli.options import (
    AverageOption,
    BackendOption,
    ClassOption,
    DataDirOption,
    ImagesOption,
    JsonOption,
    LayersOption,
    ModelArgument,
    ModelDataOption,
    NormOption,
    OfOption,
    chosen_classes,
    layer_names,
    output_file,
    print_json,
)
from nnpg.data import Dataset
from nnpg.files.atomic import write_file
from nnpg.scores import FilterScores, filter_scores
from nnpg_kernels import Array


def rank(
    model: ModelArgument,
    data: ModelDataOption = None,
    data_dir: DataDirOption = None,
    images: ImagesOption = None,
    classes: ClassOption = None,
    norm: NormOption = "frobenius",
    average: AverageOption = "norm_of_mean",
    of: OfOption = "prob",
    layers: LayersOption = None,
    top: Annotated[int, typer.Option("--top", min=1, help="How many filters to print from either end.")] = 8,
    draw: Annotated[
        Path | None,
        typer.Option(
            "--draw",
            metavar="FILE.png",
            help="Draw the network: one circle per filter, brighter where its score is higher.",
        ),
    ] = None,
    csv_file: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE.csv", help="Write every score: class, layer, filter, score.")
    ] = None,
    backend: BackendOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Rank a model's filters, class by class, by how much the prediction depends on them.

    The prediction gradient dy/do is the rate at which the answer y for a class changes with a filter's output o. It is
    averaged over the images of the class, and the norm makes one number of the whole map: a class depends on the
    filters with high numbers. Filters count from 0 everywhere: pool1[2] is the third filter of pool1.

    Example: `nnpg rank faces.safetensors --class face07 --top 5 --draw ranking.png`
    """
    draw = output_file(draw, ".png", ".svg", ".pdf")
    csv_file = output_file(csv_file, ".csv")
    work = open_model(model, data, data_dir, images, backend, layer_names(layers))
    rows = chosen_classes(classes, work.images)
    scores = filter_scores(
        work.net,
        work.images.x,
        work.images.labels,
        layers=layer_names(layers),
        norm=norm,
        average=average,
        of=of,
        class_names=work.images.class_names,
    )
    if draw:
        from nnpg.plots import network_diagram

        network_diagram(scores, draw, rows=rows, images=_mean_images(work.images, rows))
    if csv_file:
        _write_csv(csv_file, scores, rows)
    if as_json:
        settings: dict[str, Any] = {"norm": norm, "average": average, "of": of, "images": len(work.images)}
        print_json({"model": str(model), **settings, "classes": [_ranking(scores, row) for row in rows]})
        return
    print(scores.table(top, rows))
    for path in (draw, csv_file):
        if path:
            print(f"wrote {path}")


def _mean_images(images: Dataset, classes: list[int]) -> Array | None:
    """The mean image of each class, (R, C, H, W), where the images are grey or RGB."""
    if images.image_shape[0] not in (1, 3):
        return None
    return np.stack([images.x[images.labels == c].mean(axis=0) for c in classes])


def _ranking(scores: FilterScores, row: int) -> dict[str, Any]:
    ranked = [{"layer": unit.layer, "filter": unit.f, "score": unit.score} for unit in scores.strongest(row)]
    return {"class": scores.rows[row], "strongest_first": ranked}


def _write_csv(path: Path, scores: FilterScores, rows: list[int]) -> None:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["class", "layer", "filter", "score"])
    for row in rows:
        for layer, values in scores.scores.items():
            writer.writerows([scores.rows[row], layer, f, float(score)] for f, score in enumerate(values[row]))
    write_file(path, text.getvalue().encode())
