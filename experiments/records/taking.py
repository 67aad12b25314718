"""Runs taken on record: `results/<id>/` of the repository, at the largest scale that was run."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from experiments.catalogue import EXPERIMENTS
from experiments.data_sets import not_passed_on
from experiments.page import markdown
from experiments.provenance import CHECKOUT, changed_files, is_ancestor
from experiments.records.pictures import MOST_BYTES_OF_ALL, fitted
from experiments.records.reading import RESULTS, Record, on_record, read_record
from experiments.records.tables import PAGES
from nnpg.files import results_folder, write_files
from nnpg_command import UsageError

SCALES = ("quick", "paper")  # from small to large; a smoke run is a test, and no result


class Taken(NamedTuple):
    """What became of one run: "recorded", "unchanged", or "refused", with why."""

    id: str
    outcome: str
    error: UsageError | None = None


def take_all(out: Path, ids: Sequence[str] = (), replace: bool = False, results: Path = RESULTS) -> Iterator[Taken]:
    """Take runs of this checkout on record, and yield what became of each.

    Parameters
    ----------
    out : Path
        The folder that `python -m experiments run --out` wrote.
    ids : sequence of str
        Experiments; all under the folder unless given.
    replace : bool
        Whether a smaller, older or specially set run may take the place of what is on record.
    results : Path
        Where records are.

    Raises
    ------
    UsageError
        Before any run is taken: if files of the checkout are changed, other than records and the pages of `tables`; if
        there is no such run; if a file on record is damaged.
    """
    runs = _runs(out, ids)
    _refuse_changes()
    records = on_record(results)
    for id, path in runs.items():
        try:
            outcome = _take(path, results / id, records.get(id), replace)
        except UsageError as error:
            yield Taken(id, "refused", error)
        else:
            yield Taken(id, outcome)


def contents(record: Record, folder: Path) -> dict[str, bytes]:
    """Return the files of a record: the run's result without the pictures that may not be passed on.

    Raises
    ------
    UsageError
        If the run read data that may not be passed on, and does not say of every picture what it shows; if a picture
        is missing or too large.
    """
    restricted = sorted({data["name"] for data in record["data"] if not_passed_on(data["name"])})
    silent = [name for name in record["figures"] if name not in record["shows"]]
    if restricted and silent:
        raise UsageError(
            f"it read {', '.join(restricted)}, which may not be passed on, and does not say whether {', '.join(silent)}"
            " shows images of it: name each in `shows` of its Result, and run it again"
        )
    shown = {name: shows for name, shows in record["shows"].items() if shows and not_passed_on(shows)}
    kept = [name for name in record["figures"] if name not in shown]
    pictures = {name: fitted(_picture(folder, name), name) for name in kept}
    record = {**record, "figures": kept, "left_out": {name: shown[name] for name in record["figures"] if name in shown}}
    texts = {"result.md": markdown(record), "result.json": json.dumps(record, indent=1) + "\n"}
    return pictures | {name: text.encode() for name, text in texts.items()}


def why_not(record: Record, before: Record | None, replace: bool = False) -> str:
    """Return why a run cannot be taken on record, "" if it can.

    Parameters
    ----------
    record : Record
        Of the run.
    before : Record or None
        What is on record.
    replace : bool
        Whether it may be replaced by less.
    """
    version = EXPERIMENTS[record["id"]].version
    if record["scale"] not in SCALES:
        return f"it was run at {record['scale']} scale: a record is of {' or '.join(SCALES)} scale"
    if record["tree"] != "clean":
        return f"the code that ran it is not known (tree: {record['tree']}): commit, and run it again"
    if record["version"] != version:
        return f"the experiment has another meaning since (version {version}, not {record['version']}): run it again"
    if not is_ancestor(record["commit"]):
        return f"the commit of its code, {record['commit'][:12]}, is not in the history of this checkout: run it again"
    less = "" if replace or before is None else _less(record, before)
    return f"{less}; --replace takes it all the same" if less else ""


def _less(record: Record, before: Record) -> str:
    """Say by what a run is less than what is on record, "" if by nothing."""
    if before["version"] > record["version"]:
        return f"what is on record is of version {before['version']}, this of {record['version']}"
    if before["version"] < record["version"]:
        return ""
    if SCALES.index(before["scale"]) > SCALES.index(record["scale"]):
        return f"what is on record was run at {before['scale']} scale, this at {record['scale']} scale"
    special = "--set" in record["command"] or "--seed" in record["command"]
    if special and any(record[key] != before[key] for key in ("config", "seed")):
        return f"it was run with settings of its own ({record['command']}), and what is on record with others"
    if record["date"] < before["date"]:
        return f"what is on record was run later ({before['date']}, this {record['date']})"
    return ""


def _take(path: Path, folder: Path, before: Record | None, replace: bool) -> str:
    record = read_record(path)
    if record["id"] != folder.name:
        raise UsageError(f"{path}: expected a run of {folder.name}, found one of {record['id']!r}")
    reason = why_not(record, before, replace)
    if reason:
        raise UsageError(reason)
    files = contents(record, path.parent)
    held = {file.name: file.read_bytes() for file in folder.iterdir()} if folder.is_dir() else {}
    if files == held:
        return "unchanged"
    others = [file for file in folder.parent.glob("*/*.png") if file.parent != folder]
    total = sum(file.stat().st_size for file in others)
    total += sum(len(content) for name, content in files.items() if name.endswith(".png"))
    if total > MOST_BYTES_OF_ALL:
        raise UsageError(f"with it the pictures of all records have {total:,} bytes; at most {MOST_BYTES_OF_ALL:,}")
    write_files(results_folder(folder), files)
    for name in held.keys() - files.keys():
        (folder / name).unlink()
    return "recorded"


def _picture(folder: Path, name: str) -> bytes:
    """Return a picture of a run; it must lie in the run's own folder."""
    path = (folder / name).resolve()
    if path.parent != folder.resolve() or not path.is_file():
        raise UsageError(f"the picture {name!r} is not in the folder of the run: run it again")
    return path.read_bytes()


def _runs(out: Path, ids: Sequence[str]) -> dict[str, Path]:
    """Return the result.json of each experiment that is asked for, or of all that a folder holds."""
    wanted = [id.upper() for id in ids]
    unknown = [id for id in wanted if id not in EXPERIMENTS]
    if unknown:
        raise UsageError(f"no experiment {', '.join(unknown)}: choose out of {', '.join(EXPERIMENTS)}")
    runs = {id: out / id / "result.json" for id in wanted or EXPERIMENTS}
    found = {id: path for id, path in runs.items() if path.exists()}
    missing = [str(runs[id]) for id in wanted if id not in found]
    if missing or not found:
        lack = f"there is no {', '.join(missing)}" if missing else f"there is no result under {out}"
        raise UsageError(f"{lack}: run `python -m experiments run ID --scale paper --out {out}` first")
    return found


def _refuse_changes() -> None:
    """Raise if a file of the checkout is changed, unless it is part of a record or a page that is written from them."""
    of_records = f"{RESULTS.relative_to(CHECKOUT)}/"
    try:
        changed = [file for file in changed_files() if not file.startswith(of_records) and file not in PAGES]
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError(f"{CHECKOUT} is no checkout of git, so the code of a record is not known: {error}") from error
    if changed:
        few = ", ".join(changed[:3]) + (", ..." if len(changed) > 3 else "")
        raise UsageError(f"{len(changed)} files are changed ({few}): commit them first, so that the code is known")
