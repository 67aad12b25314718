"""Net F of Lo & Ding trained on faces, for LD-0 to LD-6 and the thesis. Trained once per seed, kept, and resumed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from experiments.experiment import Context
from experiments.models.face_data import face_data
from experiments.models.kept import KeptTraining
from nnpg import SGD, Network, Training
from nnpg.data import Dataset, Split, stratified_split
from nnpg.recipes.models import face_net

SHORT = 10  # epochs: so few take less time than the start of a process
LR, BATCH = 0.1, 4  # online steps at the paper's 0.1 diverge; batches of 4 do not (LD-0 prints both)


@dataclass(frozen=True)
class FaceNet:
    """A trained network, its data, and its split."""

    seed: int
    training: Training
    data: Dataset
    split: Split

    @property
    def net(self) -> Network:
        """The trained network."""
        return self.training.net

    def untrained(self) -> Network:
        """Return the network as it was before the training."""
        seen, _ = self.split.apply(self.data)
        return face_net(seen.x, self.data.K, rng=self.seed, backend=self.net.backend.name)


@dataclass(frozen=True)
class FaceNets:
    """Data set and epochs of face nets, and how many there are; each net has its own seed, from `seed` on.

    They are the nets of LD-0 unless another number is asked for, so none of them was chosen.
    """

    dataset: str = "yale"
    epochs: int = 250
    seeds: int = 20
    seed: int = 0


@dataclass(frozen=True)
class FaceNetsOfSets:
    """The same for several data sets: so many nets for each."""

    datasets: tuple[str, ...] = ("yale", "faces")
    epochs: int = 250
    seeds: int = 20
    seed: int = 0


def face_nets(
    dataset: str, epochs: int, seeds: Sequence[int], context: Context, *, batch: int = BATCH, lr: float = LR
) -> list[FaceNet]:
    """Train net F once for each seed, which determines split, weights and order.

    A network that is in `context.models` is loaded; one whose training was interrupted is resumed.
    """
    data = face_data(dataset, context)
    nets = [_net_f(data, epochs, seed, context, batch, lr) for seed in seeds]
    missing = {
        f"net F on {dataset}, seed {seed}, batch {batch}, lr {lr:g}": (data, epochs, seed, context, batch, lr)
        for seed, net in zip(seeds, nets, strict=True)
        if not net.training.is_done(context)
    }
    context.run_jobs(_train_and_keep, missing, f"training {len(missing)} face nets", long=epochs > SHORT)
    trained = [net.training.run(context, progress=False) for net in nets]
    return [FaceNet(seed, one, data, net.split) for seed, one, net in zip(seeds, trained, nets, strict=True)]


def nets_of(config: FaceNets, context: Context) -> list[FaceNet]:
    """Return the trained nets of a config."""
    first = context.seed_or(config.seed)
    return face_nets(config.dataset, config.epochs, range(first, first + config.seeds), context)


def nets_of_set(dataset: str, config: FaceNetsOfSets, context: Context) -> list[FaceNet]:
    """Return the trained nets of a config for one of its data sets."""
    return nets_of(FaceNets(dataset, config.epochs, config.seeds, config.seed), context)


class _Untrained(NamedTuple):
    split: Split
    training: KeptTraining


def _net_f(data: Dataset, epochs: int, seed: int, context: Context, batch: int, lr: float) -> _Untrained:
    split = stratified_split(data, rng=seed)
    seen, _ = split.apply(data)
    net = face_net(seen.x, data.K, rng=seed, backend=context.backend)
    return _Untrained(split, KeptTraining("net F", net, seen, epochs, batch, SGD(lr=lr), seed))


def _train_and_keep(job: tuple[Dataset, int, int, Context, int, float]) -> None:
    data, epochs, seed, context, batch, lr = job
    _net_f(data, epochs, seed, context, batch, lr).training.run(context, progress=False)


def face_training(
    kind: str, net: Network, seen: Dataset, seed: int, epochs: int, loss: str = "softmax_cross_entropy"
) -> KeptTraining:
    """Return a training with the settings of all face nets."""
    return KeptTraining(kind, net, seen, epochs, BATCH, SGD(lr=LR), seed, loss)
