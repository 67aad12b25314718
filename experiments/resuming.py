"""Which records are there already: those that `run --resume` does not make again."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import nnpg
from experiments.data_at_hand import fingerprint_of
from experiments.experiment import Experiment
from experiments.models.face_data import FEW
from nnpg.data.catalogue import NAMES

BUILT_IN = ("faces", FEW)  # drawn by this code, not read from files


def stated(experiment: Experiment, scale: str, config: Any, seed: int | None, backend: str) -> dict[str, Any]:
    """Return what a record states of the run that is asked for: its meaning, config, seed and backend.

    A record with these, on the same data, was made by the same run. Its commit, processor and time may be others.
    """
    return {
        "id": experiment.id,
        "version": experiment.version,
        "scale": scale,
        "config": json.loads(json.dumps(asdict(config))),
        "seed": config.seed if seed is None else seed,
        "backend": nnpg.load_backend(backend).name,
    }


def is_made(folder: Path, wanted: dict[str, Any], data_dir: str | None) -> bool:
    """Return whether the folder holds the whole record of the run that `stated` describes, on the data as they are now.

    A record that cannot be read, or on data that can no longer be read, counts as none; so does one on data that were
    given by their path, since a record does not hold paths.
    """
    try:
        record = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        of_record = {key: record[key] for key in wanted if key != "backend"} | {
            "backend": record["versions"]["backend"]
        }
        whole = all((folder / figure).is_file() for figure in ("result.md", *record["figures"]))
        return (
            whole
            and of_record == wanted
            and _named(of_record["config"])
            and all(
                fingerprint_of(data_set["name"], data_dir) == data_set["sha256"]
                for data_set in record["data"]
                if data_set["name"].split()[0] not in BUILT_IN
            )
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _named(config: dict[str, Any]) -> bool:
    """Whether the data sets of a config are given by names, and not by paths."""
    asked = [config.get("dataset", []), config.get("datasets", [])]
    return {name for names in asked for name in ([names] if isinstance(names, str) else names)} <= {*NAMES, FEW}
