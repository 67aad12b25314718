"""Optimisers are values: `step(net, gradients, state)` returns the next network and state, changing nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from nnpg.network import Network, as_network
from nnpg.support.arguments import as_instance, as_mapping, as_number, described
from nnpg.support.crossings import values_to_numpy
from nnpg.support.read_only import frozen
from nnpg_kernels import Array

Parameters = dict[str, dict[str, Array]]  # parameters["conv1"]["W"]


class Decay(Protocol):
    """A penalty on the parameters: its value, and its gradient."""

    def value(self, name: str, parameter: str, w: Array) -> float: ...
    def gradient(self, name: str, parameter: str, w: Array) -> Array: ...


@dataclass(frozen=True)
class PlainDecay:
    """strength / 2 * sum w^2 over weights and biases: gradient strength * w, as in Torch's `weightDecay`.

    Examples
    --------
    >>> import numpy as np
    >>> PlainDecay(0.1).gradient("dense1", "W", np.array([2.0]))
    array([0.2])
    """

    strength: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "strength", as_number(self.strength, "PlainDecay: strength", least=0))

    def value(self, name: str, parameter: str, w: Array) -> float:
        """strength / 2 sum w^2."""
        return self.strength / 2 * float((w * w).sum())

    def gradient(self, name: str, parameter: str, w: Array) -> Array:
        """Strength * w."""
        return self.strength * w


@dataclass(frozen=True)
class DecayPerUnit:
    """lambda * sum w^2 / k, weights only, k the layer's number of units (Szegedy et al. 2013, section 4.2).

    Parameters
    ----------
    strengths : float or mapping from layer name to float
        lambda, for all layers or layer by layer.

    Examples
    --------
    >>> import numpy as np
    >>> DecayPerUnit(0.1).gradient("dense1", "W", np.array([[2.0], [4.0]]))
    array([[0.2], [0.4]])
    """

    strengths: float | Mapping[str, float]

    def __post_init__(self) -> None:
        name = "DecayPerUnit: strengths"
        if isinstance(self.strengths, Mapping):
            for layer, strength in self.strengths.items():
                as_number(strength, f"{name}[{layer!r}]", least=0)
        else:
            object.__setattr__(self, "strengths", as_number(self.strengths, name, least=0))

    def _rate(self, name: str, parameter: str, w: Array) -> float:
        if parameter != "W":
            return 0.0
        rate = self.strengths if isinstance(self.strengths, int | float) else self.strengths.get(name, 0.0)
        return rate / len(w)

    def value(self, name: str, parameter: str, w: Array) -> float:
        """Lambda sum w^2 / k."""
        return self._rate(name, parameter, w) * float((w * w).sum())

    def gradient(self, name: str, parameter: str, w: Array) -> Array:
        """2 lambda w / k."""
        return 2 * self._rate(name, parameter, w) * w


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent: v <- momentum v + g, w <- w - lr_t v, with lr_t = lr / (1 + t lr_decay).

    t counts the steps from 0 (Torch's `learningRateDecay`); g includes the decay's gradient.

    Parameters
    ----------
    lr : float
        Learning rate.
    momentum : float in [0, 1)
    decay : Decay, optional
        `PlainDecay` or `DecayPerUnit`.
    lr_decay : float

    Examples
    --------
    >>> import numpy as np, nnpg
    >>> net = nnpg.build([nnpg.dense(1)], input_shape=(1,), rng=0, dtype="float64")
    >>> g = {"dense1": {"W": np.array([[1.0]]), "b": np.array([2.0])}}
    >>> sgd = SGD(lr=0.1)
    >>> after, state = sgd.step(net, g, sgd.start(net))
    >>> after.layers["dense1"].b, state.t
    (array([-0.2]), 1)
    """

    lr: float
    momentum: float = 0.0
    decay: Decay | None = None
    lr_decay: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "lr", as_number(self.lr, "SGD: lr", above=0))
        object.__setattr__(self, "momentum", as_number(self.momentum, "SGD: momentum", least=0, below=1))
        object.__setattr__(self, "lr_decay", as_number(self.lr_decay, "SGD: lr_decay", least=0))
        if self.decay is not None:
            as_decay(self.decay, "SGD: decay")

    def start(self, net: Network) -> SGDState:
        """Return the state before the first step."""
        as_network(net)
        return SGDState()

    def step(self, net: Network, gradients: Parameters, state: SGDState) -> tuple[Network, SGDState]:
        """Return the network and the state one step on."""
        net, state = as_network(net), as_instance(state, SGDState, "state")
        gradients = dict(as_mapping(gradients, "gradients", "layer to its gradients by name"))
        lr = self.lr / (1 + state.t * self.lr_decay)
        v = penalised(net.parameters, gradients, self.decay)
        if state.velocity:
            v = _combine(lambda v, g: self.momentum * v + g, state.velocity, v)
        weights = _combine(lambda w, v: frozen(w - lr * v), net.parameters, v)
        return net.with_parameters(weights), SGDState(state.t + 1, v if self.momentum else {})


@dataclass(frozen=True, eq=False)
class SGDState:
    """Steps taken so far, and the velocity of every parameter where there is momentum."""

    t: int = 0
    velocity: Parameters = field(default_factory=dict)


def as_optimiser(optimiser: Any, name: str = "optimiser") -> SGD:
    """Return an optimiser: SGD, or any object with the methods start and step."""
    if isinstance(optimiser, type) or not hasattr(optimiser, "start") or not callable(getattr(optimiser, "step", None)):
        raise TypeError(f"{name} must be SGD(lr=...), or an object with start and step, not {described(optimiser)}")
    return optimiser


def as_decay(decay: Any, name: str = "decay") -> Decay:
    """Return a decay: `PlainDecay`, `DecayPerUnit`, or any object with the methods value and gradient."""
    if isinstance(decay, type) or not callable(getattr(decay, "value", None)) or not hasattr(decay, "gradient"):
        raise TypeError(
            f"{name} must be PlainDecay, DecayPerUnit, or an object with value and gradient, not {described(decay)}"
        )
    return decay


def penalty(net: Network, decay: Decay | None) -> float:
    """Return what the decay adds to the loss."""
    return 0.0 if decay is None else penalty_of(parameters_on_host(net), decay)


def penalty_of(weights: Parameters, decay: Decay | None) -> float:
    """Return what the decay adds to the loss for weights on the host."""
    if decay is None:
        return 0.0
    decay = as_decay(decay)
    return sum(decay.value(n, p, w) for n, ps in weights.items() for p, w in ps.items())


def parameters_on_host(net: Network) -> Parameters:
    """Return the parameters of a network as NumPy arrays; those of a device come down together.

    Examples
    --------
    >>> import nnpg
    >>> parameters_on_host(nnpg.build([nnpg.dense(1)], input_shape=(1,), rng=0))["dense1"]["b"]
    array([0.], dtype=float32)
    """
    flat = {(n, p): w for n, ps in as_network(net).parameters.items() for p, w in ps.items()}
    weights: Parameters = {n: {} for n, _ in flat}
    for (n, p), w in values_to_numpy(net.backend, flat).items():
        weights[n][p] = w
    return weights


def penalised(weights: Parameters, gradients: Parameters, decay: Decay | None) -> Parameters:
    """Return the gradients with the decay's added; weights and gradients are on the same side."""
    if decay is None:
        return gradients
    return {n: {p: g + decay.gradient(n, p, weights[n][p]) for p, g in gs.items()} for n, gs in gradients.items()}


def _combine(f: Callable[[Array, Array], Array], a: Parameters, b: Parameters) -> Parameters:
    """f(a, b), parameter by parameter, for those that b holds."""
    return {n: {p: f(a[n][p], w) for p, w in of_layer.items()} for n, of_layer in b.items()}
