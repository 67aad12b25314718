"""Which data sets a run reads, and whether they can be read: asked before the first experiment of a queue runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from experiments.data_sets import fingerprint
from nnpg.data import load
from nnpg.data.catalogue import NAMES

DRAWN = "faces"  # by this code: not read from files
IN_TWO_FILES = ("mnist", "cifar10")


def read_by(config: Any) -> tuple[str, ...]:
    """Return the data sets that a run with this config reads from files, by name.

    They are its `dataset` or `datasets`, and those that it `also_reads`.

    Examples
    --------
    >>> from experiments.models.faces import FaceNets, FaceNetsOfSets
    >>> read_by(FaceNets()), read_by(FaceNetsOfSets()), read_by(FaceNets("faces"))
    (('yale',), ('yale',), ())
    """
    names = [getattr(config, "dataset", DRAWN), *getattr(config, "datasets", ()), *getattr(config, "also_reads", ())]
    return tuple(dict.fromkeys(name for name in names if name in NAMES and name != DRAWN))


def unreadable(configs: Iterable[Any], data_dir: str | None) -> Mapping[str, Exception]:
    """Return why each data set that one of these configs names cannot be read; those that can be read are left out."""
    names = dict.fromkeys(name for config in configs for name in read_by(config))
    errors = {name: _error_of(name, data_dir) for name in names}
    return {name: error for name, error in errors.items() if error is not None}


@cache
def fingerprint_of(name: str, data_dir: str | None) -> str:
    """Return the fingerprint of a data set as it is now, named as in a record: "yale", "mnist train"; read once."""
    words = name.split()
    split: Any = words[1] if len(words) == 2 else None
    return fingerprint(load(words[0], data_dir, split=split))


@cache
def _error_of(name: str, data_dir: str | None) -> Exception | None:
    try:
        for part in ("train", "test") if name in IN_TWO_FILES else (None,):
            load(name, data_dir, split=part)
    except (OSError, ValueError, MemoryError) as error:  # as the command line shows it, in one line
        return error
    return None
