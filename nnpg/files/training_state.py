"""The state of a training after an epoch, written to and read from its checkpoint.

The state is: weights, velocities of the optimiser, state of the random generator, and history.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nnpg.files.checkpoints import Checkpoint, State
from nnpg.files.identities import array_identity, identity, loss_identity
from nnpg.files.networks import header_of
from nnpg.files.tensors import read_about, read_tensors
from nnpg.losses import LossMaker
from nnpg.network import Network
from nnpg.optimisers import SGD, SGDState
from nnpg.support.crossings import values_to_numpy
from nnpg_kernels import Array

COLUMNS = 5  # epoch, loss, error, validation error (NaN without a validation set), seconds

Examples = tuple[Array, Array]


class Trained(NamedTuple):
    """State of a training; a row of the history is an epoch."""

    net: Network
    state: SGDState
    history: tuple[tuple[Any, ...], ...]
    generator: dict[str, Any]


def run_identity(
    net: Network,
    data: Examples,
    validation: Examples | None,
    loss: str | LossMaker,
    optimiser: SGD,
    batch: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Return everything that the bits of a trained network depend on, except the number of epochs.

    Raises
    ------
    ValueError
        If a part of it is not nnpg's own, or a file cannot hold the network.
    """
    header_of(net)
    return {
        "network": identity(net, "the network"),
        "generator": array_identity(np.frombuffer(json.dumps(generator_state(rng)).encode(), np.uint8)),
        "data": _examples(data),
        "validation": None if validation is None else _examples(validation),
        "loss": loss_identity(loss),
        "optimiser": identity(optimiser, "the optimiser"),
        "batch": int(batch),
    }


def generator_state(rng: np.random.Generator) -> dict[str, Any]:
    """Return the state of a generator, as JSON."""
    return dict(json.loads(json.dumps(rng.bit_generator.state, default=lambda a: a.tolist())))


def size_of(net: Network) -> int:
    """Return the approximate size of a checkpoint of this network's training, in bytes."""
    return 2 * sum(a.nbytes for weights in net.parameters.values() for a in weights.values()) + 100_000


def write_training(
    checkpoint: Checkpoint, net: Network, state: SGDState, history: Sequence[Sequence[Any]], rng: np.random.Generator
) -> None:
    """Write the state after the last epoch of the history."""
    rows = [[np.nan if value is None else value for value in epoch] for epoch in history]
    tensors = _named("weights", net, net.parameters) | _named("velocity", net, state.velocity)
    tensors["history"] = np.array(rows, np.float64).reshape(-1, COLUMNS)
    checkpoint.write(tensors, {"steps": state.t, "generator": generator_state(rng)})


def epochs_in(path: Path) -> int:
    """Return how many epochs the checkpoint of a training holds, from its header alone; 0 if there is no file.

    Examples
    --------
    >>> epochs_in(Path("no such file"))
    0
    """
    shapes = {entry.name: entry.shape for entry in read_about(path).entries} if path.exists() else {}
    return shapes.get("history", (0,))[0]


def read_training(saved: State, net: Network, epochs: int, steps: int) -> Trained:
    """Return the state in a checkpoint.

    Parameters
    ----------
    saved : State
    net : Network
        The network with which the run began.
    epochs : int
        Epochs to train in all; a checkpoint that holds more is refused.
    steps : int
        Steps of the optimiser per epoch.
    """
    rows = saved.array("history", (-1, COLUMNS), np.float64)
    if len(rows) > epochs:
        raise ValueError(
            f"{saved.path} holds {len(rows)} epochs, and {epochs} are asked for: ask for {len(rows)} or more, or use "
            "another file"
        )
    if not np.array_equal(rows[:, 0], np.arange(1, len(rows) + 1)):
        raise saved.damaged("its epochs do not follow each other")
    t = saved.values.get("steps")
    if type(t) is not int or t != steps * len(rows):
        raise saved.damaged(f"expected {steps * len(rows)} steps, found {t!r}")
    weights, velocity = _arrays(saved, "weights", net), _arrays(saved, "velocity", net)
    if set(weights) != set(net.parameters) or (velocity and set(velocity) != set(weights)):
        raise saved.damaged("it lacks the weights or the velocities of a layer")
    history = tuple(
        (int(n), loss, error, None if np.isnan(validation_error) else validation_error, seconds)
        for n, loss, error, validation_error, seconds in rows.tolist()
    )
    generator = saved.values.get("generator")
    if not isinstance(generator, dict):
        raise saved.damaged("it does not hold the state of the generator")
    return Trained(net.with_parameters(weights), SGDState(t, velocity), history, generator)


def restore_generator(rng: np.random.Generator, saved: State, generator: Mapping[str, Any]) -> None:
    """Give a generator the state that a checkpoint holds."""
    try:
        rng.bit_generator.state = generator
    except (TypeError, ValueError, KeyError, IndexError, OverflowError) as error:
        raise saved.damaged("it does not hold the state of the generator") from error


def epochs_done(path: str | Path) -> int:
    """Return how many epochs the checkpoint of a training holds."""
    return len(read_tensors(path)[0]["history"])


def _examples(data: Examples) -> dict[str, str]:
    """Return what identifies images and targets; labels of any integer type are the same labels."""
    x, targets = data
    labels = targets.dtype.kind in "iub"
    return {"images": array_identity(x), "targets": array_identity(targets.astype(np.int64) if labels else targets)}


def _named(kind: str, net: Network, arrays: Mapping[str, Mapping[str, Array]]) -> dict[str, Array]:
    flat = {f"{kind}/{name}.{p}": a for name, layer in arrays.items() for p, a in layer.items()}
    return values_to_numpy(net.backend, flat)


def _arrays(saved: State, kind: str, net: Network) -> dict[str, dict[str, Array]]:
    """Return the arrays of one kind in the shapes and types of the network's own; all arrays of a layer, or none."""
    arrays: dict[str, dict[str, Array]] = {}
    for name, weights in net.parameters.items():
        if any(f"{kind}/{name}.{p}" in saved.tensors for p in weights):
            arrays[name] = {
                p: net.backend.asarray(saved.array(f"{kind}/{name}.{p}", a.shape, np.dtype(a.dtype)))
                for p, a in weights.items()
            }
    return arrays
