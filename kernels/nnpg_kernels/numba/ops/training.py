"""Ops of training and of seeds: losses, the seeds of backward passes, and steps of the parameters."""

from __future__ import annotations

from nnpg_kernels.backend import Array
from nnpg_kernels.numba.kernels import losses as loss_kernels
from nnpg_kernels.numba.kernels import seeds, updates
from nnpg_kernels.numba.planes import Planes
from nnpg_kernels.numba.program import Op, op
from nnpg_kernels.numba.runtime.memory import address, aligned


def seed(
    z: Planes, delta: Planes, classes: Array, labels: Array | None, weights: Array, of: str, images: int = 0
) -> Op:
    """The seed of dy_c/do. Lanes of delta are images, for one class or the label of each; or classes of one image.

    In the second case, z has that image in one of its `images` lanes.
    """
    y = aligned(z.C, z.memory.dtype)
    return op(
        "seed",
        (seeds.seed_classes if images else seeds.seed_images)(z.memory.dtype),
        seeds.SEED,
        (z, delta, classes, labels, weights, y),
        **{"z": z.at(), "delta": delta.at(), "K": z.C, "lanes": images, "of": seeds.DERIVATIVES[of], "e": address(y)},
        **{"classes": address(classes), "S": len(classes), "weights": address(weights)},
        **{"labels": 0 if labels is None else address(labels)},
    )


def cross_entropy(
    z: Planes, delta: Planes, labels: Array, order: Array, losses: Array, wrong: Array, batch: Array, per_step: int
) -> Op:
    """The loss of each image, whether its prediction is wrong, and delta = (softmax z - t) / batch."""
    return op(
        "softmax cross-entropy",
        loss_kernels.softmax_cross_entropy(z.memory.dtype),
        loss_kernels.LOSS,
        (z, delta, labels, order, losses, wrong, batch),
        **{"z": z.at(), "delta": delta.at(), "K": z.C, "order": address(order), "labels": address(labels)},
        **{"losses": address(losses), "wrong": address(wrong), "batch": address(batch), "per_step": per_step},
    )


def loss_of_each(
    z: Planes,
    delta: Planes,
    loss: str,
    labels: Array | None,
    targets: Array | None,
    order: Array,
    losses: Array,
    wrong: Array,
    batch: Array,
    per_step: int,
) -> Op:
    """The same for the other losses of `losses.LOSSES`, with labels or with targets (N, K)."""
    return op(
        "loss of each",
        loss_kernels.loss_of_each(z.memory.dtype),
        loss_kernels.LOSS_OF_EACH,
        (z, delta, labels, targets, order, losses, wrong, batch),
        **{"z": z.at(), "delta": delta.at(), "K": z.C, "order": address(order), "loss": loss_kernels.LOSSES[loss]},
        **{"labels": 0 if labels is None else address(labels), "targets": 0 if targets is None else address(targets)},
        **{"losses": address(losses), "wrong": address(wrong), "batch": address(batch), "per_step": per_step},
    )


def bias_gradient(delta: Array, N: int, db: Array) -> Op:
    """db[f] = sum_n delta[n, f]."""
    return op(
        "bias gradient",
        updates.bias_gradient(delta.dtype),
        updates.BIAS,
        (delta, db),
        **{"delta": address(delta), "N": N, "F": delta.shape[1], "sums": address(db)},
    )


def momentum_step(w: Array, g: Array, v: Array, rates: Array, momentum: Array, decay: Array) -> Op:
    """v = momentum v + g + decay w, w = w - rate v; g (slots, ...) is summed over the slots."""
    return op(
        "momentum step",
        updates.momentum_step(w.dtype),
        updates.STEP,
        (w, g, v, rates, momentum, decay),
        **{"w": address(w), "g": address(g), "v": address(v), "slots": len(g), "slot_size": g[0].nbytes},
        **{"size": w.size, "rates": address(rates), "momentum": address(momentum), "decay": address(decay)},
    )
