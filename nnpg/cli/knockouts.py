"""`nnpg knockout`: the errors of a network while its filters are switched off."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

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
    SeedOption,
    ToOption,
    chosen_classes,
    layer_names,
    output_file,
    percent,
    print_json,
)
from nnpg.knockout import Knockout, knock_out_curves
from nnpg.scores import filter_scores
from nnpg.support.tables import text_table

Curves = dict[tuple[int, str], Knockout]  # by class and order
SHOWN = (0, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 100)  # numbers of filters off that a short table shows, beside all


def knockout(
    model: ModelArgument,
    data: ModelDataOption = None,
    data_dir: DataDirOption = None,
    images: ImagesOption = None,
    classes: ClassOption = None,
    order: Annotated[
        Literal["strongest", "weakest", "both"], typer.Option("--order", help="Which filters go first.")
    ] = "both",
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="How many filters to knock out; default all.")
    ] = None,
    to: ToOption = "zero",
    norm: NormOption = "frobenius",
    average: AverageOption = "norm_of_mean",
    of: OfOption = "prob",
    layers: LayersOption = None,
    seed: SeedOption = 0,
    draw: Annotated[
        Path | None, typer.Option("--draw", metavar="FILE.png", help="Draw the errors, filter by filter.")
    ] = None,
    backend: BackendOption = "auto",
    every: Annotated[bool, typer.Option("--all", help="Print every step, a line each.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Switch a model's filters off one after the other, and count what it still gets right.

    The filters are ranked for a class as in `nnpg rank`. If the ranking is right, errors rise at once when the
    strongest go first, and late when the weakest go first. The class error is the share of that class's images that go
    wrong, the overall error that of all images. Some of the steps are printed: for one class a line each, for several
    classes a column each; `--all` prints every step.

    Example: `nnpg knockout faces.safetensors --class face07 --order both --draw knockout.png`
    """
    draw = output_file(draw, ".png", ".svg", ".pdf")
    work = open_model(model, data, data_dir, images, backend, layer_names(layers))
    rows = chosen_classes(classes, work.images)
    orders = ("strongest", "weakest") if order == "both" else (order,)
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
    keys = [(row, first) for row in rows for first in orders]
    ranked = {"strongest": scores.strongest, "weakest": scores.weakest}
    filters = [ranked[first](row, steps) for row, first in keys]
    rest: Any = {"to": to, "reference": None if to == "zero" else work.train.x, "rng": seed}
    found = knock_out_curves(work.net, work.images.x, work.images.labels, filters, **rest)
    curves: Curves = dict(zip(keys, found, strict=True))
    if draw:
        from nnpg.plots import error_curves, knockout_panels

        error_curves(knockout_panels(curves, scores.rows), draw, columns=len(orders))
    if as_json:
        settings: dict[str, Any] = {"to": to, "norm": norm, "average": average, "of": of, "images": len(work.images)}
        dicts = [_as_dict(scores.rows[row], row, first, curve) for (row, first), curve in curves.items()]
        print_json({"model": str(model), **settings, "curves": dicts})
        return
    if every or len(rows) == 1:
        for row in rows:
            print(_steps(scores.rows[row], row, {first: curves[row, first] for first in orders}, every))
    else:
        for first in orders:
            print(_summary(scores.rows, first, curves))
    if draw:
        print(f"wrote {draw}")


def _as_dict(name: str, c: int, first: str, curve: Knockout) -> dict[str, Any]:
    return {
        "class": name,
        "order": first,
        "filters": [{"layer": unit.layer, "filter": unit.f, "score": unit.score} for unit in curve.filters],
        "class_error": curve.class_error(c).tolist(),  # one more than filters: the first is the intact network
        "overall_error": curve.overall_error.tolist(),
        "most_common_prediction": curve.modes.tolist(),
    }


def _steps(name: str, c: int, curves: dict[str, Knockout], every: bool) -> str:
    """Return the errors of one class as a table: a line for some or all numbers of filters off, the orders abreast."""
    T = len(next(iter(curves.values())).filters)
    steps = list(range(T + 1)) if every else _some_of(T)
    header, columns = ["off"], [list[object](steps)]
    for first, curve in curves.items():
        filters = ["(intact)", *map(str, curve.filters)]
        header += [f"{first} first", "class", "overall"]
        columns.append([filters[n] for n in steps])
        columns += [[f"{percent(e[n]):>6}" for n in steps] for e in (curve.class_error(c), curve.overall_error)]
    head = f"{name}: class error and overall error with so many filters off, and the last of these filters"
    rest = "" if len(steps) == T + 1 else f"{len(steps)} of {T + 1} steps; --all prints each\n"
    return f"{head}\n{text_table(header, list(zip(*columns, strict=True)))}\n{rest}"


def _some_of(T: int) -> list[int]:
    """Return some numbers of filters off, from none to all T."""
    return [n for n in SHOWN if n < T] + [T]


def _summary(names: tuple[str, ...], first: str, curves: Curves) -> str:
    """Return one line per class: its errors after some of the numbers of filters."""
    chosen = {c: curve for (c, order), curve in curves.items() if order == first}
    steps = _some_of(len(next(iter(chosen.values())).filters))
    head = "".join(f"{n:>10}" for n in steps)
    lines = [f"{first} first: percent class error / overall error with so many filters off", f"{'':12}{head}"]
    for c, curve in chosen.items():
        of_class, overall = 100 * curve.class_error(c), 100 * curve.overall_error
        lines.append(f"{names[c]:12}" + "".join(f"{f'{of_class[n]:.0f} / {overall[n]:.0f}':>10}" for n in steps))
    return "\n".join([*lines, ""])
