"""Results of long work are kept in files; each file is named after everything that its bits depend on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from experiments.experiment import Context
from nnpg import SGD, Network, Training, load_backend, train
from nnpg.data import Dataset
from nnpg.files.training_state import epochs_in
from nnpg.jobs import kept_file as file_in

_named: ContextVar[dict[Path, bool] | None] = ContextVar("kept_files_of_a_run", default=None)


@contextmanager
def kept_files_recorded() -> Iterator[dict[Path, bool]]:
    """Record each file that `kept_file` names inside, and whether it existed when it was first named."""
    named: dict[Path, bool] = {}
    token = _named.set(named)
    try:
        yield named
    finally:
        _named.reset(token)


def kept_file(context: Context, kind: str, made_from: Mapping[str, object], *, version: int = 1) -> Path:
    """Return the file in `context.models` for what was made from these values by the backend that is in use.

    It is that of `nnpg.jobs.kept_file` with the backend's name added to the values: "auto" and the backend that it
    stands for give the same file. The same values give the same file in every experiment, so a network is trained once.

    Parameters
    ----------
    context : Context
    kind : str
        What is kept, such as "net F".
    made_from : mapping
        Everything that determines the bits: data, network, seed, epochs and the like. For what was made from another
        kept file, give that file's stem.
    version : int
        Raised when the meaning of the same values changes.

    Raises
    ------
    TypeError
        If a value is of a type that has no fixed meaning.
    """
    facts = {**made_from, "backend": load_backend(context.backend).name}
    context.models.mkdir(parents=True, exist_ok=True)
    file = file_in(context.models, kind, facts, version=version)
    named = _named.get()
    if named is not None:
        named.setdefault(file, file.exists())
    return file


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

    def is_done(self, context: Context) -> bool:
        """Return whether the kept network has had all its epochs."""
        return epochs_in(self.file(context)) >= self.epochs

    def run(self, context: Context | None, progress: bool | None = None) -> Training:
        """Train, go on with an interrupted training, or read the trained network; without a context, only train."""
        file = None if context is None else self.file(context)
        validation = None if self.validation is None else (self.validation.x, self.validation.labels)
        return train(
            self.net, self.data.x, self.data.labels, epochs=self.epochs, batch=self.batch, optimiser=self.optimiser,
            loss=self.loss, rng=self.seed, validation=validation, checkpoint=file, resume=file is not None,
            progress=progress,
        )  # fmt: skip
