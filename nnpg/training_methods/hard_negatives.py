"""Training on hard negatives: adversarial images and their originals in turn (Hinthorn 2017, 5.3 and 5.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from nnpg.network import Network, as_network
from nnpg.optimisers import SGD
from nnpg.support.arguments import as_count, as_generator, as_labels, as_mapping, as_numbers, as_whole, described
from nnpg.support.network_arguments import as_images, as_pair_of_examples, placed
from nnpg.support.tables import data_frame, text_table
from nnpg.training import Training, error_rate, train
from nnpg.training_methods.selective_dropout import Mode, SelectiveDropout
from nnpg.training_methods.volatility import Measure, unit_output
from nnpg_kernels import Array

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

Examples: TypeAlias = tuple[npt.ArrayLike, npt.ArrayLike]


@dataclass(frozen=True, eq=False)
class HardNegatives:
    """A network trained on hard negatives, and its accuracies on the way; prints as a table of the evaluations.

    Parameters
    ----------
    training : Training
        The errors of its history are those on the adversarial images trained on.
    steps : array (T,)
        Steps of the optimiser before each evaluation, two for each batch of pairs; the first is 0.
    accuracy : mapping
        accuracy["held out"] is an array (T,).
    instability : array (F,)
        Share of the selections in which each unit was chosen.
    """

    training: Training
    steps: npt.NDArray[np.int64]
    accuracy: dict[str, npt.NDArray[np.float64]]
    instability: npt.NDArray[np.float64]

    def __str__(self) -> str:
        return text_table(("steps", *self.accuracy), self._rows())

    def to_frame(self) -> pandas.DataFrame:
        """Return one line per evaluation: steps, then the accuracy on each set of images."""
        return data_frame(("steps", *self.accuracy), self._rows())

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw the accuracies over the steps of the optimiser."""
        from nnpg.plots import Lines, line_panels

        return line_panels([Lines("", self.steps, self.accuracy, "steps", "accuracy")], path, columns=1)

    def _rows(self) -> list[tuple[object, ...]]:
        columns = [values.tolist() for values in self.accuracy.values()]
        return list(zip(self.steps.tolist(), *columns, strict=True))


def hard_negative_training(
    net: Network,
    adversarial: npt.ArrayLike,
    originals: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    layer: str,
    epochs: int,
    optimiser: SGD | None = None,
    keep: float | Callable[[int], float] = 1.0,
    mode: Mode = "gradient",
    measure: Measure = "volatility",
    every: int = 1,
    groups: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    judged_on: Mapping[str, Examples] | None = None,
    judge_every: int = 0,
    rng: int | np.random.Generator,
    batch: int = 1,
    progress: bool | None = None,
) -> HardNegatives:
    """Train on adversarial images and their originals in turn, with selective dropout (Hinthorn 2017, 5.3 and 5.4).

    Parameters
    ----------
    net : Network
    adversarial, originals : arrays (N, *net.input_shape)
        Row n of both is one pair.
    labels : array (N,)
        Class of both.
    layer, keep, mode, measure, every, groups, clusters
        See `SelectiveDropout`.
    epochs, optimiser, rng
        See `nnpg.train`.
    judged_on : mapping, optional
        judged_on["held out"] = (x, labels): images on which the accuracy is evaluated.
    judge_every : int
        Steps from one evaluation to the next, rounded up to whole pairs; 0 for one at the start and one at the end.
    batch : int
        Pairs in a step.
    progress : bool, optional
        Draw a bar; unless given, only on a terminal.

    Returns
    -------
    HardNegatives

    Raises
    ------
    ValueError, KeyError
        If images, labels, layer or settings do not fit.
    TrainingDiverged
        At the first loss that is infinite or NaN.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(4), nnpg.ReLU(), nnpg.dense(2), nnpg.Softmax()], input_shape=(2,), rng=0)
    >>> x, adversarial = np.eye(2), np.array([[0.4, 0.6], [0.6, 0.4]])
    >>> done = hard_negative_training(net, adversarial, x, [0, 1], layer="dense1", keep=0.25, epochs=20, rng=0,
    ...                               judged_on={"originals": (x, [0, 1])}, progress=False)
    >>> done.steps, done.instability.sum()
    (array([ 0, 80]), np.float64(1.0))
    """
    net = as_network(net)
    adversarial, originals = (
        as_images(net, images, name, least=1, finite=True).astype(net.dtype, copy=False)
        for images, name in ((adversarial, "adversarial"), (originals, "originals"))
    )
    N = len(adversarial)
    if len(originals) != N:
        raise ValueError(f"adversarial and originals must be as many images, not {N} and {len(originals)}")
    labels = as_labels(labels, N, net.K)
    unit_output(net, layer=layer)
    F = len(net.parameters[layer]["W"])
    if clusters is not None:
        clusters = as_whole(clusters, "clusters", f"clusters ({F},)", ndim=1)
        if len(clusters) != F:
            raise ValueError(f"clusters must be {F}, one for each unit of {layer}, not {described(clusters)}")
    epochs, batch = as_count(epochs, "epochs", least=0), as_count(batch, "batch")
    judge_every, rng = as_count(judge_every, "judge_every", least=0), as_generator(rng)
    judged_on = {} if judged_on is None else as_mapping(judged_on, "judged_on", "name to (x, labels)")
    pairs = {name: as_pair_of_examples(net, pair, f"judged_on[{name!r}]") for name, pair in judged_on.items()}
    sets = {name: (placed(net, x, f"judged_on[{name!r}]"), t) for name, (x, t) in pairs.items()}
    steps, accuracy = [0], {name: [1 - error_rate(net, *pair)] for name, pair in sets.items()}
    k = net.backend
    counts, last = k.xp.zeros(F), 2 * epochs * -(-N // batch)

    def due(done: int) -> bool:
        return done == last or bool(judge_every and done // judge_every > (done - 2) // judge_every)

    def watch(done: int, now: Network, times: Array) -> None:
        counts[:] += times
        steps.append(done)
        for name, pair in sets.items():
            accuracy[name].append(1 - error_rate(now, *pair))

    selective = SelectiveDropout(
        originals, layer=layer, keep=keep, mode=mode, measure=measure, every=every, adversarial=adversarial,
        groups=None if groups is None else as_numbers(groups, "groups", f"an array ({N},)"),
        clusters=clusters, watch=watch, watch_after=due,
    )  # fmt: skip
    training = train(
        net, adversarial, labels, epochs=epochs, batch=batch, rng=rng, optimiser=optimiser, take_step=selective,
        progress=progress,
    )  # fmt: skip
    curves = {name: np.array(values) for name, values in accuracy.items()}
    return HardNegatives(training, np.array(steps), curves, k.to_numpy(counts) / max(1, last // 2))
