"""Results of long work are kept in files; each file is named after everything that its bits depend on."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any

from experiments.experiment import Context
from nnpg import SGD, Network, Training, load_backend, train
from nnpg.data import Dataset
from nnpg.files.identities import identity

LONGEST, SHORT = 120, 24  # characters of the readable part of a file's name, and of a value in it


def kept_file(context: Context, kind: str, made_from: Mapping[str, object]) -> Path:
    """Return the file in `context.models` for what was made from these values by the backend that is in use.

    The name starts with words for people and ends with a digest of `made_from` and of the backend's name. "auto" and
    the backend that it stands for give the same file. The same values give the same file in every experiment, so a
    network is trained once.

    Parameters
    ----------
    context : Context
    kind : str
        What is kept, such as "net F".
    made_from : mapping
        Everything that determines the bits: data, network, seed, epochs and the like. Values are numbers, text, None,
        data sets, arrays, networks, dataclasses, and tuples, lists and dictionaries of these. For what was made from
        another kept file, give that file's stem.

    Raises
    ------
    TypeError
        If a value is of another type.
    """
    facts = {**made_from, "backend": load_backend(context.backend).name}
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=_plain).encode()).hexdigest()[:16]
    short = {key: str(value) for key, value in sorted(facts.items()) if isinstance(value, str | int | float)}
    words = [kind, *(f"{key} {value}" for key, value in short.items() if len(value) <= SHORT)]
    readable = re.sub(r"[^A-Za-z0-9.]+", "-", "-".join(words))[:LONGEST].strip("-")
    context.models.mkdir(parents=True, exist_ok=True)
    return context.models / f"{readable}-{digest}.safetensors"


@dataclass(frozen=True, eq=False)
class KeptTraining:
    """A training by `nnpg.train` whose network is kept.

    The untrained network holds the recipe, the dtype and the first weights, so all of these are in the file's name.
    """

    kind: str  # of the network, such as "net F"
    net: Network  # before the training
    data: Dataset
    epochs: int
    batch: int
    optimiser: SGD
    seed: int
    loss: str = "softmax_cross_entropy"
    validation: Dataset | None = None

    @property
    def facts(self) -> dict[str, object]:
        """Everything that the bits of the trained network depend on."""
        return {field: value for field, value in vars(self).items() if field != "kind"}

    def file(self, context: Context) -> Path:
        """Return where the network is kept."""
        return kept_file(context, self.kind, self.facts)

    def run(self, context: Context | None, progress: bool | None = None) -> Training:
        """Train, go on with an interrupted training, or read the trained network; without a context, only train."""
        file = None if context is None else self.file(context)
        validation = None if self.validation is None else (self.validation.x, self.validation.labels)
        return train(
            self.net, self.data.x, self.data.labels, epochs=self.epochs, batch=self.batch, optimiser=self.optimiser,
            loss=self.loss, rng=self.seed, validation=validation, checkpoint=file, resume=file is not None,
            progress=progress,
        )  # fmt: skip


def _plain(value: object) -> Any:
    """Return a value that JSON has no type for in types that it has."""
    if isinstance(value, Dataset):
        return [value.name, identity(value.x, "the data"), identity(value.labels, "the data"), value.conditions]
    if is_dataclass(value) and not isinstance(value, type) and not type(value).__module__.startswith("nnpg."):
        return asdict(value)
    try:
        return identity(value, "what a kept file depends on")
    except ValueError:
        kind = type(value).__name__
        raise TypeError(f"a kept file can depend on numbers, text, data sets and arrays, not on {kind}") from None
