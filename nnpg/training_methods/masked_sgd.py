"""Gradient descent that moves only the chosen units of a layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from nnpg.network import Network
from nnpg.optimisers import SGD, Parameters, SGDState
from nnpg_kernels import Array


@dataclass(frozen=True, eq=False)
class MaskedSGD(SGD):
    """SGD that moves only some units of a layer: the others keep weights, biases and velocities, bit for bit.

        w <- w - lr v    for the chosen units,    w <- w    for all others; likewise for v

    Parameters
    ----------
    units : mapping
        units["conv2"] is a bool array (F,): which units learn. In layers that it does not name, all do.

    Examples
    --------
    >>> import numpy as np, nnpg
    >>> net = nnpg.build([nnpg.dense(2)], input_shape=(1,), rng=0, dtype="float64")
    >>> g = {"dense1": {"W": np.ones((2, 1)), "b": np.ones(2)}}
    >>> sgd = MaskedSGD(lr=0.1, units={"dense1": np.array([True, False])})
    >>> sgd.step(net, g, sgd.start(net))[0].layers["dense1"].b
    array([-0.1,  0. ])
    """

    units: Mapping[str, Array] = field(default_factory=dict)

    def step(self, net: Network, gradients: Parameters, state: SGDState) -> tuple[Network, SGDState]:
        """Return the network and the state one step on."""
        after, new = super().step(net, gradients, state)
        xp, weights, velocity = net.backend.xp, {}, dict(new.velocity)
        for name, chosen in self.units.items():

            def select(moved: Array, unmoved: Array, chosen: Array = chosen) -> Array:
                return xp.where(chosen.reshape(-1, *[1] * (moved.ndim - 1)), moved, unmoved)

            moved, unmoved = after.parameters[name], net.parameters[name]
            weights[name] = {p: select(moved[p], w) for p, w in unmoved.items()}
            if name in velocity:
                old = state.velocity.get(name) or {p: xp.zeros_like(v) for p, v in velocity[name].items()}
                velocity[name] = {p: select(v, old[p]) for p, v in velocity[name].items()}
        return after.with_parameters(weights), replace(new, velocity=velocity)
