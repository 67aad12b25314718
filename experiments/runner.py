"""Runs an experiment: resolves its config, gives it a folder, and writes what it returns."""

from __future__ import annotations

import json
import math
import platform
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import nnpg
from experiments.catalogue import EXPERIMENTS
from experiments.experiment import Context, Experiment, Result, Row
from nnpg.files import results_folder, temporary_folder, writable, write_files
from nnpg.programs import recorded
from nnpg_command import UsageError, printable

MOST = 2**31 - 1  # of a number in a config


def find(id: str) -> Experiment:
    """Return the experiment of that id."""
    if id.upper() not in EXPERIMENTS:
        raise UsageError(f"no experiment {id!r}: choose one of {', '.join(EXPERIMENTS)}, or all")
    return EXPERIMENTS[id.upper()]


def run_all(
    ids: Sequence[str],
    scale: str,
    seed: int | None,
    backend: str,
    out: str | Path,
    data_dir: str | None,
    settings: Sequence[str],
) -> Iterator[Path]:
    """Run experiments in turn and yield each one's folder. What cannot be is refused before the first one runs."""
    for id in ids:
        _places(out, resolve(id, scale, seed, backend, settings)[0])
    for id in ids:
        yield run_experiment(id, scale, seed, backend, out, data_dir, settings)


def resolve(
    id: str, scale: str, seed: int | None, backend: str, settings: Sequence[str] = ()
) -> tuple[Experiment, Any]:
    """Return the experiment and its config, or raise UsageError for what does not exist or cannot be."""
    experiment = find(id)
    if scale not in experiment.scales:
        raise UsageError(f"no scale {scale!r}: choose one of {', '.join(experiment.scales)}")
    if seed is not None and seed < 0:
        raise UsageError(f"--seed {seed}: a seed is a whole number from 0 on")
    try:
        nnpg.load_backend(backend)
    except ValueError as error:
        raise UsageError(str(error)) from error
    return experiment, _configured(experiment.scales[scale], settings)


def run_experiment(
    id: str,
    scale: str = "quick",
    seed: int | None = None,
    backend: str = "auto",
    out: str | Path = "out",
    data_dir: str | None = None,
    settings: Sequence[str] = (),
    progress: bool | None = None,
) -> Path:
    """Run one experiment and write `result.json`, `result.md` and its figures; return their folder."""
    experiment, config = resolve(id, scale, seed, backend, settings)
    folder, models = _places(out, experiment)
    began = time.perf_counter()
    with temporary_folder() as drawn:  # so that a folder that is gone in the end takes no numbers along
        with recorded() as ways:
            result = experiment.run(config, Context(drawn, models, data_dir, seed, backend, progress))
        figures = {path.name: path.read_bytes() for path in sorted(drawn.iterdir()) if path.is_file()}
    seconds = time.perf_counter() - began
    record = {
        "id": experiment.id,
        "title": experiment.title,
        "source": experiment.source,
        "scale": scale,
        "config": asdict(config),
        "seed": config.seed if seed is None else seed,
        "versions": _versions(backend),
        "computed": {task: sorted(how) for task, how in sorted(ways.items())},
        "seconds": round(seconds, 2),
        "verdict": result.verdict,
        "rows": [_plain(row) for row in result.rows],
        "texts": [text._asdict() for text in result.texts],
        "figures": list(result.figures),
    }
    texts = {
        "result.md": markdown(experiment, scale, result, seconds),
        "result.json": json.dumps(record, indent=1) + "\n",
    }
    write_files(folder, figures | {name: text.encode() for name, text in texts.items()})
    return folder


def _places(out: str | Path, experiment: Experiment) -> tuple[Path, Path]:
    """Return the folders of the result and of what is kept, or say why nothing can be written there."""
    folder, models = Path(out) / experiment.id, Path(out) / "models"
    results_folder(folder)
    writable(folder / "result.json")
    if models.exists():
        writable(models / "network.safetensors")
    return folder, models


def markdown(experiment: Experiment, scale: str, result: Result, seconds: float) -> str:
    """Return a result as a Markdown page: the paper's figure beside ours."""
    lines = [f"# {experiment.id}: {experiment.title}", "", f"{experiment.source}; scale {scale}; {seconds:.0f} s", ""]
    lines += [result.verdict, "", "| | paper | ours | interval | n | unit | held |", "|---|---|---|---|---|---|---|"]
    for row in result.rows:
        paper = "-" if row.paper is None else f"{row.paper:.4g}"
        around = "-" if math.isnan(row.low) else f"{row.low:.4g} to {row.high:.4g} ({row.interval})"
        held = {None: "-", True: "yes", False: "no"}[row.held]
        lines.append(
            f"| {_cell(row.name)} | {paper} | {row.ours:.4g} | {around} | {row.n} | {_cell(row.unit)} | {held} |"
        )
    for text in result.texts:
        fence = _fence(text.body)
        lines += ["", f"## {_cell(text.title)}", "", fence, *map(printable, text.body.split("\n")), fence]
    lines += ["", *(f"![{_cell(Path(figure).stem)}](<{figure}>)" for figure in result.figures)]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    r"""A name as Markdown shows it: no character of it is markup or ends the cell.

    Examples
    --------
    >>> print(_cell("a|b <img src=x>"))
    a\|b &lt;img src=x>
    """
    plain = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace("\\", "\\\\")
    for mark in "|`[]!":
        plain = plain.replace(mark, f"\\{mark}")
    return plain


def _fence(body: str) -> str:
    """Enough backticks that no line of the body ends the block."""
    longest = max((len(run) for run in re.findall("`+", body)), default=0)
    return "`" * max(3, longest + 1)


def _configured(config: Any, settings: Sequence[str]) -> Any:
    """The config with each `key=value` put in, read as the type that the key has."""
    known = {f.name: getattr(config, f.name) for f in fields(config)}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or key not in known:
            raise UsageError(f"--set {setting}: expected key=value with a key out of {', '.join(known)}")
        try:
            config = replace(config, **{key: _read(value, known[key], key == "seed")})
        except ValueError as error:
            raise UsageError(f"--set {setting}: {key} is {known[key]!r} by default, so {error}") from error
    return config


def _read(value: str, like: Any, may_be_0: bool = False) -> Any:
    """The value as the type of `like`; a number that is above 0 there stays above 0."""
    if isinstance(like, bool):
        if value not in ("true", "false"):
            raise ValueError(f"it must be true or false, not {value!r}")
        return value == "true"
    if isinstance(like, tuple):
        return tuple(_read(part, like[0]) for part in value.split(","))
    if isinstance(like, str):
        return value
    number = _number(value, type(like))
    zero = may_be_0 or like == 0
    if not 0 <= number <= MOST or (number == 0 and not zero):  # written so that a NaN fails too
        raise ValueError(
            f"it must be a number {'from 0 on' if zero else 'above 0'} and at most {MOST:,}, not {value!r}"
        )
    return number


def _number(value: str, kind: type[Any]) -> Any:
    try:
        return kind(value)
    except ValueError:
        raise ValueError(f"it must be {'a whole number' if kind is int else 'a number'}, not {value!r}") from None


def _versions(backend: str) -> dict[str, str]:
    packages = {name: version(name) for name in ("numpy", "scipy", "matplotlib")}
    return {
        "nnpg": nnpg.__version__,
        "python": platform.python_version(),
        **packages,
        "machine": f"{platform.system()} {platform.machine()}",
        "backend": nnpg.load_backend(backend).name,
    }


def _plain(row: Row) -> dict[str, Any]:
    """A row for JSON, which has no NaN."""
    return {
        key: (None if isinstance(value, float) and not np.isfinite(value) else value)
        for key, value in row._asdict().items()
    }
