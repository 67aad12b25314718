"""Runs an experiment: resolves its config, gives it a folder, and writes what it returns."""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import nnpg
from experiments.catalogue import EXPERIMENTS
from experiments.data_at_hand import read_by, unreadable
from experiments.data_sets import data_sets_recorded, notes_on
from experiments.experiment import Context, Experiment
from experiments.models.kept import kept_files_recorded
from experiments.page import json_row, markdown
from experiments.provenance import code_of, processor
from experiments.resuming import is_made, stated
from experiments.settings import command_of, configured
from nnpg.files import results_folder, temporary_folder, writable, write_files
from nnpg.jobs.cluster import cluster_client
from nnpg.programs import recorded
from nnpg_command import Failures, UsageError, interrupted, line_of, listed
from nnpg_kernels.threads import thread_count


def find(id: str) -> Experiment:
    """Return the experiment of that id."""
    if id.upper() not in EXPERIMENTS:
        alone = "; 'all' stands alone" if id.lower() == "all" else ", or all"
        raise UsageError(f"no experiment {id!r}: choose one of {', '.join(EXPERIMENTS)}{alone}")
    return EXPERIMENTS[id.upper()]


class Ending(NamedTuple):
    """The folder of an experiment's record, and whether this run made it; else it was there already."""

    folder: Path
    made: bool


def run_all(
    ids: Sequence[str],
    scale: str,
    seed: int | None,
    backend: str,
    out: str | Path,
    data_dir: str | None,
    settings: Sequence[str],
    workers: int | None = None,
    dask: str | None = None,
    resume: bool = False,
) -> Iterator[Ending]:
    """Run experiments in turn and yield how each one ended. What cannot be is refused before the first one runs.

    One that fails leaves the others: it is noted on stderr, and they are listed in one error at the end. So are those
    whose data cannot be read, which is tried first. With `resume` an experiment is not run if its folder holds the
    record of the same run: the same version of the experiment, config, seed, backend and data.

    Raises
    ------
    Failures
        At the end, if there are several experiments; the error of a single one is raised as it is.
    """
    wanted, configs = dict[str, tuple[Path, bool]](), dict[str, Any]()
    for id in ids:
        experiment, config = resolve(id, scale, seed, backend, settings)
        folder, run = _places(out, experiment)[0], stated(experiment, scale, config, seed, backend)
        made = resume and is_made(folder, run, data_dir)
        wanted[experiment.id] = folder, made
        if not made:
            configs[experiment.id] = config
    if dask is not None:
        if workers is not None:
            raise UsageError(f"--workers {workers} and --dask {dask}: expected only one of the two")
        with cluster_client(dask):
            pass  # it answers
    errors = _without_data(configs, data_dir)
    if errors and len(errors) == len(configs):
        raise next(iter(errors.values())) if len(wanted) == 1 else Failures.of("experiments", errors, len(wanted))
    if errors:
        print(f"note: not run: {listed(errors)}", file=sys.stderr)
    for number, (id, (folder, made)) in enumerate(wanted.items(), 1):
        if made:
            yield Ending(folder, made=False)
            continue
        if id in errors:
            continue
        if len(wanted) > 1:
            print(f"{id}, {number} of {len(wanted)}", file=sys.stderr)
        try:
            run_experiment(id, scale, seed, backend, out, data_dir, settings, workers, dask)
        except Exception as error:
            if len(wanted) == 1 or interrupted():
                raise
            print(f"note: {id} failed: {line_of(error)}", file=sys.stderr)
            errors[id] = error
            continue
        yield Ending(folder, made=True)
    if errors:
        raise Failures.of("experiments", errors, len(wanted))


def _without_data(configs: Mapping[str, Any], data_dir: str | None) -> dict[str, Exception]:
    """Return the experiments that read data which cannot be read, and why."""
    lacking = unreadable(configs.values(), data_dir)
    first = {id: next((name for name in read_by(config) if name in lacking), None) for id, config in configs.items()}
    return {id: lacking[name] for id, name in first.items() if name is not None}


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
    try:
        return experiment, configured(experiment.scales[scale], settings)
    except UsageError as error:  # another experiment may have this setting
        raise UsageError(f"{experiment.id}: {error}") from error


def run_experiment(
    id: str,
    scale: str = "quick",
    seed: int | None = None,
    backend: str = "auto",
    out: str | Path = "out",
    data_dir: str | None = None,
    settings: Sequence[str] = (),
    workers: int | None = None,
    dask: str | None = None,
    progress: bool | None = None,
) -> Path:
    """Run one experiment and write `result.json`, `result.md` and its figures; return their folder."""
    experiment, config = resolve(id, scale, seed, backend, settings)
    folder, models = _places(out, experiment)
    code = code_of()  # before the run: files may change while it takes hours
    began, date = time.perf_counter(), datetime.now(UTC)
    with temporary_folder() as drawn:  # so that a folder that is gone in the end takes no numbers along
        with recorded() as ways, data_sets_recorded() as noted, kept_files_recorded() as kept:
            result = experiment.run(config, Context(drawn, models, data_dir, seed, backend, progress, workers, dask))
        figures = {path.name: path.read_bytes() for path in sorted(drawn.iterdir()) if path.is_file()}
    data_sets = list(noted.values())
    record = {
        "id": experiment.id,
        "title": experiment.title,
        "source": experiment.source,
        "version": experiment.version,
        "scale": scale,
        "command": command_of(experiment.id, scale, seed, backend, settings),
        "date": f"{date:%Y-%m-%d %H:%M} UTC",
        "config": asdict(config),
        "seed": config.seed if seed is None else seed,
        **code._asdict(),
        "data": [data_set._asdict() for data_set in data_sets],
        "versions": _versions(backend),
        "processor": processor(),
        "threads": thread_count(),
        "computed": {task: sorted(found) for task, found in sorted(ways.items())},
        "minutes": round((time.perf_counter() - began) / 60, 3),
        "kept": sum(kept.values()),  # files of earlier runs, whose minutes are not in these
        "notes": [note for note in (experiment.notes, *notes_on(data_sets)) if note],
        "verdict": result.verdict,
        "rows": [json_row(row) for row in result.rows],
        "texts": [text._asdict() for text in result.texts],
        "figures": list(result.figures),
        "shows": dict(result.shows),
    }
    texts = {
        "result.md": markdown(record),
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


def _versions(backend: str) -> dict[str, str]:
    packages = {name: version(name) for name in ("numpy", "scipy", "matplotlib")}
    return {
        "nnpg": nnpg.__version__,
        "python": platform.python_version(),
        **packages,
        "machine": f"{platform.system()} {platform.machine()}",
        "backend": nnpg.load_backend(backend).name,
    }
