"""What a training has come to after some epochs, in a file and back: weights, velocities, generator and history."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nnpg.files.checkpoints import Checkpoint, State
from nnpg.files.identities import array_identity, identity, loss_identity
from nnpg.files.networks import header_of
from nnpg.files.tensors import read_tensors
from nnpg.losses import LossMaker
from nnpg.network import Network
from nnpg.optimisers import SGD, SGDState
from nnpg_kernels import Array

COLUMNS = 5  # epoch, loss, error, validation error (NaN where there is none), seconds

Examples = tuple[Array, Array]


class Trained(NamedTuple):
    """How far a training has come; a row of the history is an epoch."""

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
    """Return everything that the bits of a trained network depend on, but for the number of epochs.

    Raises
    ------
    ValueError
        If some of it cannot be told from others, or the network cannot be kept in a file.
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
    """Return where a generator stands, as JSON."""
    return dict(json.loads(json.dumps(rng.bit_generator.state, default=lambda a: a.tolist())))


def size_of(net: Network) -> int:
    """Return about how many bytes a checkpoint of this network's training takes."""
    return 2 * sum(a.nbytes for weights in net.parameters.values() for a in weights.values()) + 100_000


def write_training(
    checkpoint: Checkpoint, net: Network, state: SGDState, history: Sequence[Sequence[Any]], rng: np.random.Generator
) -> None:
    """Write the state after the last epoch of the history."""
    rows = [[np.nan if value is None else value for value in epoch] for epoch in history]
    tensors = _named("weights", net, net.parameters) | _named("velocity", net, state.velocity)
    tensors["history"] = np.array(rows, np.float64).reshape(-1, COLUMNS)
    checkpoint.write(tensors, {"steps": state.t, "generator": generator_state(rng)})


def read_training(found: State, net: Network, epochs: int, steps: int) -> Trained:
    """Return the state that a file holds, for the network that the run began with.

    Parameters
    ----------
    found : State
    net : Network
    epochs : int
        That are asked for; a checkpoint that has gone further is refused.
    steps : int
        Of the optimiser in each epoch.
    """
    rows = found.array("history", (-1, COLUMNS), np.float64)
    if len(rows) > epochs:
        raise ValueError(
            f"{found.path} holds {len(rows)} epochs, and {epochs} are asked for: ask for {len(rows)} or more, or use "
            "another file"
        )
    if not np.array_equal(rows[:, 0], np.arange(1, len(rows) + 1)):
        raise found.damaged("its epochs do not follow each other")
    t = found.values.get("steps")
    if type(t) is not int or t != steps * len(rows):
        raise found.damaged(f"expected {steps * len(rows)} steps, found {t!r}")
    weights, velocity = _taken(found, "weights", net), _taken(found, "velocity", net)
    if set(weights) != set(net.parameters) or (velocity and set(velocity) != set(weights)):
        raise found.damaged("it lacks the weights or the velocities of a layer")
    history = tuple(
        (int(n), loss, error, None if np.isnan(held_out) else held_out, seconds)
        for n, loss, error, held_out, seconds in rows.tolist()
    )
    generator = found.values.get("generator")
    if not isinstance(generator, dict):
        raise found.damaged("it does not say where the generator stands")
    return Trained(net.with_parameters(weights), SGDState(t, velocity), history, generator)


def go_on(rng: np.random.Generator, found: State, generator: Mapping[str, Any]) -> None:
    """Put a generator where a file says it stood."""
    try:
        rng.bit_generator.state = generator
    except (TypeError, ValueError, KeyError, IndexError, OverflowError) as error:
        raise found.damaged("it does not say where the generator stands") from error


def epochs_done(path: str | Path) -> int:
    """Return how many epochs the checkpoint of a training holds."""
    return len(read_tensors(path)[0]["history"])


def _examples(data: Examples) -> dict[str, str]:
    """What images and targets are; labels of all widths mean the same."""
    x, t = data
    return {"images": array_identity(x), "targets": array_identity(t.astype(np.int64) if t.dtype.kind in "iub" else t)}


def _named(kind: str, net: Network, arrays: Mapping[str, Mapping[str, Array]]) -> dict[str, Array]:
    return {f"{kind}/{name}.{p}": net.backend.to_numpy(a) for name, layer in arrays.items() for p, a in layer.items()}


def _taken(found: State, kind: str, net: Network) -> dict[str, dict[str, Array]]:
    """The arrays of that kind, each in the shape and dtype of the network's own; none, or all of a layer's."""
    taken: dict[str, dict[str, Array]] = {}
    for name, weights in net.parameters.items():
        if any(f"{kind}/{name}.{p}" in found.tensors for p in weights):
            taken[name] = {
                p: net.backend.asarray(found.array(f"{kind}/{name}.{p}", a.shape, np.dtype(a.dtype)))
                for p, a in weights.items()
            }
    return taken
