"""Ops from arrays and planes: where kernels get their addresses and strides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg_kernels.geometry import Window
from nnpg_kernels.numba.kernels import activations, overrides, packing, pooling_winners, seeds, sparse_delta
from nnpg_kernels.numba.kernels import losses as loss_kernels
from nnpg_kernels.numba.kernels.correlation import CORRELATE, correlate, tile_for
from nnpg_kernels.numba.kernels.pooled_convolution import CONVOLVE, UNPOOL, convolve, unpool
from nnpg_kernels.numba.kernels.weight_gradient import GRADIENT, pieces, weight_gradient
from nnpg_kernels.numba.planes import SLACK, Planes
from nnpg_kernels.numba.program import Op, op
from nnpg_kernels.numba.runtime.memory import address, aligned
from nnpg_kernels.numba.simd import lanes

Array = npt.NDArray[Any]


def enter(
    planes: Planes, images: Array, *, order: Array | None = None, mean: Array | None = None, per_time: int = 0
) -> Op:
    """Images (N, ...) into planes."""
    size, starts = planes.C * planes.H * planes.W, np.zeros(lanes(images.dtype), np.int64)
    planes = _as_one_row(planes)
    return op(
        "enter",
        packing.enter(images.dtype, planes.per_pixel),
        packing.ENTER,
        (planes, images, order, mean, starts),
        **{"images": address(images), "image_size": size, "per_time": per_time},
        **{"order": 0 if order is None else address(order), "mean": 0 if mean is None else address(mean)},
        **{"planes": planes.at(), "plane": planes.plane, "row": planes.pitch, "starts": address(starts)},
        **{"C": planes.C, "H": planes.H, "W": planes.W},
    )


def _as_one_row(planes: Planes) -> Planes:
    """Planes without margins as one row of all pixels: the longer the row, the quicker to copy."""
    if any(planes.margin) or planes.pitch != planes.W * planes.per_pixel:
        return planes
    return replace(planes, C=1, H=1, W=planes.C * planes.H * planes.W)


def leave(planes: Planes, images: Array, *, seeds: bool = False, in_lanes: bool = False) -> Op:
    """Planes to images (N, ...), or (S, N, ...) where they are deltas of several seeds, one each or in lanes."""
    size, starts = planes.C * planes.H * planes.W, np.zeros(lanes(images.dtype), np.int64)
    planes = _as_one_row(planes)
    return op(
        "leave",
        packing.leave(images.dtype, planes.per_pixel),
        packing.LEAVE,
        (planes, images, starts),
        **{"images": address(images), "image_size": size, "seed_size": images[0].size if seeds else 0},
        **{"planes": planes.at(), "plane": planes.plane, "row": planes.pitch, "starts": address(starts)},
        **{"C": planes.C, "H": planes.H, "W": planes.W, "seeds": len(images) if in_lanes else 0},
    )


def convolution(x: Planes, W: Array, b: Array | None, window: Window, pool: Window, y: Planes, winner: Planes) -> Op:
    """y = max over `pool` of (W * x + b), and the winners."""
    dtype, (F, C, I, J), L = W.dtype, W.shape, x.per_pixel
    vector, (rows, columns) = lanes(dtype), window.output_shape(x.H, x.W)
    height, width = tile_for(F, -(-columns * L // vector))
    left = pool.padding[2]
    wide = max(columns, (y.W - 1) * pool.stride[1] + pool.size[1] - left)
    band_row = -(-(left + wide) * L // vector) * vector
    band = aligned(height * pool.size[0] * band_row, dtype, SLACK * vector)
    band[:] = -np.inf  # the margin of the pooling window never wins
    bias = _zero(dtype) if b is None else b
    return op(
        f"convolve {height}x{width}",
        convolve(dtype, height, width, L),
        CONVOLVE,
        (x, W, bias, y, winner, band),
        **_window(x, window, L),
        **_weights(W, bias, b is not None, (C * I * J, I * J, J, 1)),
        **{"y": address(band), "y_plane": 0, "y_row": 0},
        **{"C": C, "F": F, "I": I, "J": J, "H": rows, "W": columns * L},
        **{"per_pixel": L, "band_row": band_row, "band_left": left * L, "z_rows": rows},
        **{"out": y.at(), "out_plane": y.plane, "out_row": y.pitch, "rows": y.H, "columns": y.W},
        **{"winner": winner.at(), "winner_plane": winner.plane, "winner_row": winner.pitch},
        **_pool(pool),
    )


def unpooling(
    delta: Planes,
    y: Planes,
    winner: Planes,
    dz: Planes,
    pool: Window,
    window: Window,
    act: int,
    rows: int,
    db: Array | None,
) -> Op:
    """dz = delta act'(y) at the winners, in `rows` rows, with gaps where a stride leaves them; db += sums."""
    L, dtype = y.per_pixel, y.memory.dtype
    sh, sw = window.stride
    sums = aligned((1, y.C), dtype) if db is None else db
    overlap = pool.size[0] > pool.stride[0] or pool.size[1] > pool.stride[1]
    row = aligned(-(-y.W * L // lanes(dtype)) * lanes(dtype) + 2 * lanes(dtype), dtype)
    return op(
        "unpool",
        unpool(dtype, L),
        UNPOOL,
        (delta, y, winner, dz, row, sums),
        **{"delta": delta.at(), "delta_plane": delta.plane, "delta_row": delta.pitch},
        **{"y": y.at(), "y_plane": y.plane, "y_row": y.pitch, "F": y.C, "rows": y.H, "columns": y.W},
        **{"winner": winner.at(), "winner_plane": winner.plane, "winner_row": winner.pitch},
        **{"dz": dz.at(0, -sw * pool.padding[2]), "dz_plane": dz.plane, "dz_row": sh * dz.pitch},
        **{"dz_column": sw * L, "dz_rows": rows},
        **{"dz_wide": (dz.W + sw * pool.padding[2]) * L},
        **{"per_pixel": L, "activation": act, "overlap": int(overlap), "row": address(row)},
        **{"db": address(sums), "db_slot": 0 if db is None else db[0].nbytes},
        **_pool(pool),
    )


def convolution_delta(dz: Planes, W: Array, window: Window, dx: Planes) -> Op:
    """Dx = the filters, read from behind, * dz in its margin."""
    (F, C, I, J), L = W.shape, dx.per_pixel
    (di, dj), (top, _, left, _) = window.dilation, window.padding
    height, width = tile_for(C, -(-dx.W * L // lanes(W.dtype)))
    nothing = _zero(W.dtype)
    return op(
        f"correlate {height}x{width}",
        correlate(W.dtype, height, width),
        CORRELATE,
        (dz, W, dx, nothing),
        **{"x": dz.at(top - (I - 1) * di, left - (J - 1) * dj), "x_channel": dz.plane, "x_row": dz.pitch},
        **{"x_column": lanes(W.dtype), "x_i": di * dz.pitch, "x_j": dj * L},
        **{"w": address(W) + (I * J - 1) * W.itemsize, "w_row": I * J, "w_channel": C * I * J, "w_i": -J, "w_j": -1},
        **{"b": address(nothing), "b_row": 0, "y": dx.at(), "y_plane": dx.plane, "y_row": dx.pitch},
        **{"C": F, "F": C, "I": I, "J": J, "H": dx.H, "W": dx.W * L},
    )


def convolution_gradient(x: Planes, dz: Planes, W: Array, window: Window, dW: Array) -> list[Op]:
    """dW (slots, F, C, I, J) += dz times the pixels of x that each weight saw; wide filters in pieces of a row."""
    (F, C, I, J), L = W.shape, x.per_pixel
    rows, columns = window.output_shape(x.H, x.W)
    (sh, sw), vector = window.stride, lanes(W.dtype)
    seen = _window(x, window, L)
    return [
        op(
            f"gradient {len(places)}",
            weight_gradient(W.dtype, len(places)),
            GRADIENT,
            (x, dz, dW),
            **seen | {"x": seen["x"] + places.start * seen["x_j"] * W.itemsize},
            **{"delta": dz.at(), "delta_plane": dz.plane, "delta_row": sh * dz.pitch},
            **{"delta_column": vector * (sw if L > 1 else 1)},
            **{"dW": address(dW) + places.start * W.itemsize, "dW_slot": dW[0].nbytes},
            **{"C": C, "F": F, "I": I, "J": J, "H": rows},
            **{"vectors": columns * L // vector, "rest": columns * L % vector},
        )
        for places in pieces(J)
    ]


def dense(x: Planes, W: Array, b: Array | None, y: Planes, maps: int) -> Op:
    """y = W x + b, for x (D) in planes of one pixel: `maps` feature maps of D / maps units."""
    (F, D), vector = W.shape, lanes(W.dtype)
    each = D // maps
    height, width = tile_for(F, 1)
    bias = _zero(W.dtype) if b is None else b
    return op(
        f"correlate {height}x{width}",
        correlate(W.dtype, height, width),
        CORRELATE,
        (x, W, bias, y),
        **{"x": x.at(), "x_channel": each * vector, "x_row": 0, "x_column": 0, "x_i": 0, "x_j": vector},
        **_weights(W, bias, b is not None, (D, each, 0, 1)),
        **{"y": y.at(), "y_plane": vector, "y_row": 0},
        **{"C": maps, "F": F, "I": 1, "J": each, "H": 1, "W": vector},
    )


def dense_delta(delta: Planes, W: Array, dx: Planes) -> Op:
    """dx[d] = sum_f W[f, d] delta[f]."""
    (F, D), vector = W.shape, lanes(W.dtype)
    height, width = tile_for(D, 1)
    nothing = _zero(W.dtype)
    return op(
        f"correlate {height}x{width}",
        correlate(W.dtype, height, width),
        CORRELATE,
        (delta, W, dx, nothing),
        **{"x": delta.at(), "x_channel": 0, "x_row": 0, "x_column": 0, "x_i": 0, "x_j": vector},
        **{"w": address(W), "w_row": 1, "w_channel": 0, "w_i": 0, "w_j": D, "b": address(nothing), "b_row": 0},
        **{"y": dx.at(), "y_plane": vector, "y_row": 0},
        **{"C": 1, "F": D, "I": 1, "J": F, "H": 1, "W": vector},
    )


def dense_gradient(x: Array, delta: Array, N: int, rows: slice, dW: Array) -> Op:
    """dW[f, d] = sum_n delta[n, f] x[n, d] for the units f in `rows`; x (N, D) with room for a tile behind it."""
    (F, D), vector = dW.shape, lanes(dW.dtype)
    some = rows.stop - rows.start
    height, width = tile_for(some, -(-D // vector))
    nothing = _zero(dW.dtype)
    return op(
        f"correlate {height}x{width}",
        correlate(dW.dtype, height, width),
        CORRELATE,
        (x, delta, dW, nothing),
        **{"x": address(x), "x_channel": 0, "x_row": 0, "x_column": vector, "x_i": 0, "x_j": D},
        **{"w": address(delta) + rows.start * delta.itemsize, "w_row": 1, "w_channel": 0, "w_i": 0, "w_j": F},
        **{
            "b": address(nothing),
            "b_row": 0,
            "y": address(dW) + rows.start * D * dW.itemsize,
            "y_plane": D,
            "y_row": 0,
        },
        **{"C": 1, "F": some, "I": 1, "J": N, "H": 1, "W": D},
    )


def activation(y: Planes, act: int) -> Op:
    """y = act(y)."""
    joined = not any(y.margin)  # then all maps are one row; what fills rows up is nobody's
    return op(
        "activate",
        activations.activate(y.memory.dtype),
        activations.ACTIVATE,
        (y,),
        **{"y": y.at(), "plane": y.plane, "row": y.pitch, "C": y.C, "H": y.H, "W": y.W * y.per_pixel},
        **{"joined": int(joined), "activation": act},
    )


def activation_delta(delta: Planes, y: Planes, act: int) -> Op:
    """Delta = delta act'(y), for planes of one pixel."""
    size = y.C * y.plane
    return op(
        "activate back",
        activations.activate_back(y.memory.dtype),
        activations.ACTIVATE_BACK,
        (delta, y),
        **{"delta": delta.at(), "y": y.at(), "size": size, "activation": act},
    )


def activation_delta_of_one(delta: Planes, y: Planes, images: int, act: int) -> Op:
    """Delta = delta act'(y), lanes of delta classes, those of y `images`."""
    return op(
        "activate back",
        activations.activate_back_of_one(y.memory.dtype),
        activations.ACTIVATE_BACK_OF_ONE,
        (delta, y),
        **{"delta": delta.at(), "y": y.at(), "units": y.C, "lanes": images, "activation": act},
    )


def seed(
    z: Planes, delta: Planes, classes: Array, labels: Array | None, weights: Array, of: str, images: int = 0
) -> Op:
    """The seed of dy_c/do: lanes of delta are images with one class or label each, or classes of one of `images`."""
    y = aligned(z.C, z.memory.dtype)
    return op(
        "seed",
        (seeds.seed_classes if images else seeds.seed_images)(z.memory.dtype),
        seeds.SEED,
        (z, delta, classes, labels, weights, y),
        **{"z": z.at(), "delta": delta.at(), "K": z.C, "lanes": images, "of": seeds.OF[of], "e": address(y)},
        **{"classes": address(classes), "S": len(classes), "weights": address(weights)},
        **{"labels": 0 if labels is None else address(labels)},
    )


def routed_delta(
    delta: Planes,
    y: Planes,
    winner: Planes,
    z_shape: tuple[int, ...],
    pool: Window,
    act: int,
    W: Array,
    window: Window,
    dx: Planes,
) -> list[Op]:
    """Dx from the delta of a block's output, lanes of classes; for strides and dilations of 1."""
    (F, C, I, J), (_, rows, columns), dtype = W.shape, z_shape, W.dtype
    vector, height = lanes(dtype), sparse_delta.channels_at_once(C)
    packed = aligned((-(-C // height), I, F, J, height), dtype)
    for c in range(C):
        packed[c // height, :, :, :, c % height] = W[:, c].transpose(1, 0, 2)
    entries = F * y.H * y.W
    dz, weight = aligned(entries * vector, dtype), np.zeros(entries, np.int64)
    starts = np.zeros(rows * columns + 2, np.int64)
    listed = {"dz": address(dz), "weight": address(weight), "starts": address(starts)}
    listed |= {"z_rows": rows, "z_columns": columns}
    where = {k: v for k, v in _pool(pool).items() if k != "size_i"}
    route = op(
        "route",
        sparse_delta.route(dtype),
        sparse_delta.ROUTE,
        (delta, y, winner, dz, weight, starts),
        **{"delta": delta.at(), "delta_plane": delta.plane, "delta_row": delta.pitch},
        **{"y": y.at(), "y_plane": y.plane, "y_row": y.pitch, "lanes": y.per_pixel},
        **{"winner": winner.at(), "winner_plane": winner.plane, "winner_row": winner.pitch},
        **{"F": F, "rows": y.H, "columns": y.W, "activation": act, "filter": J * height, "channels": height},
        **where,
        **listed,
    )

    top, _, left, _ = window.padding
    gather = op(
        f"gather {height}",
        sparse_delta.gather(dtype, height),
        sparse_delta.GATHER,
        (dz, weight, starts, packed, dx),
        **{"w": address(packed), "dx": dx.at(), "dx_plane": dx.plane, "dx_row": dx.pitch},
        **{"C": C, "H": dx.H, "W": dx.W, "I": I, "J": J, "F": F, "top": top, "left": left},
        **listed,
    )
    return [route, gather]


def first_winners(maps: Planes, pool: Window, winner: Planes) -> Op:
    """Winners of maps that are in memory; see `pooling_winners`."""
    where = {"F": winner.C, "rows": winner.H, "columns": winner.W, "z_rows": maps.H, "z_columns": maps.W}
    return op(
        "first winners",
        pooling_winners.first_winners(maps.memory.dtype),
        pooling_winners.FIRST,
        (maps, winner),
        **{"maps": maps.at(), "maps_plane": maps.plane, "maps_row": maps.pitch, "lanes": maps.per_pixel},
        **{"winner": winner.at(), "winner_plane": winner.plane, "winner_row": winner.pitch},
        **where,
        **_pool(pool),
    )


def fix(planes: Planes, units: Array, values: Array | None) -> Op:
    """Set the units of planes that `units` (C, H, W) or (C,) marks, to values of that shape or to 0."""
    c, h, w = np.nonzero(units.reshape(planes.C, planes.H, planes.W))
    places = c * planes.plane + h * planes.pitch + w * planes.per_pixel
    own = aligned(max(1, len(places)), planes.memory.dtype)
    if values is not None:
        own[: len(places)] = values[units]
    return op(
        "fix",
        overrides.fix(planes.memory.dtype),
        overrides.FIX,
        (planes, places, own),
        **{"planes": planes.at(), "places": address(places), "values": address(own)},
        **{"size": len(places), "lanes": planes.per_pixel},
    )


def fill(planes: Planes, filters: Array, values: Array, counts: Array) -> Op:
    """At step s, set the maps filters[k] of planes to values[k], for the first counts[s] of them."""
    return op(
        "fill",
        overrides.fill(planes.memory.dtype),
        overrides.FILL,
        (planes, filters, values, counts),
        **{"planes": planes.at(), "plane": planes.plane, "row": planes.pitch, "H": planes.H, "W": planes.W},
        **{"lanes": planes.per_pixel, "filters": address(filters), "values": address(values)},
        **{"counts": address(counts)},
    )


def put(target: Op, field: str, values: Array) -> Op:
    """Set a number in another op's record: to values[s] at step s."""
    fields = target.record.dtype.fields
    assert fields is not None
    place = address(target.record) + fields[field][1]
    return op("put", packing.put(), packing.PUT, (target, values), place=place, values=address(values))


def cross_entropy(
    z: Planes, delta: Planes, labels: Array, order: Array, losses: Array, wrong: Array, batch: Array, per_time: int
) -> Op:
    """Loss of each image, whether it was wrong, and delta = (softmax z - t) / batch."""
    return op(
        "softmax cross-entropy",
        loss_kernels.softmax_cross_entropy(z.memory.dtype),
        loss_kernels.LOSS,
        (z, delta, labels, order, losses, wrong, batch),
        **{"z": z.at(), "delta": delta.at(), "K": z.C, "order": address(order), "labels": address(labels)},
        **{"losses": address(losses), "wrong": address(wrong), "batch": address(batch), "per_time": per_time},
    )


def loss_of_each(
    z: Planes,
    delta: Planes,
    of: str,
    labels: Array | None,
    targets: Array | None,
    order: Array,
    losses: Array,
    wrong: Array,
    batch: Array,
    per_time: int,
) -> Op:
    """The same for other losses, or for targets (N, K); see `loss_kernels.loss_of_each`."""
    return op(
        "loss of each",
        loss_kernels.loss_of_each(z.memory.dtype),
        loss_kernels.LOSS_OF_EACH,
        (z, delta, labels, targets, order, losses, wrong, batch),
        **{"z": z.at(), "delta": delta.at(), "K": z.C, "order": address(order), "of": loss_kernels.OF[of]},
        **{"labels": 0 if labels is None else address(labels), "targets": 0 if targets is None else address(targets)},
        **{"losses": address(losses), "wrong": address(wrong), "batch": address(batch), "per_time": per_time},
    )


def sums(delta: Array, N: int, db: Array) -> Op:
    """db[f] = sum_n delta[n, f]."""
    return op(
        "sums",
        loss_kernels.sums(delta.dtype),
        loss_kernels.SUMS,
        (delta, db),
        **{"delta": address(delta), "N": N, "F": delta.shape[1], "sums": address(db)},
    )


def step(w: Array, g: Array, v: Array, rates: Array, momentum: Array, decay: Array) -> Op:
    """Take one step for the parameters w; g (slots, ...)."""
    return op(
        "step",
        loss_kernels.step(w.dtype),
        loss_kernels.STEP,
        (w, g, v, rates, momentum, decay),
        **{"w": address(w), "g": address(g), "v": address(v), "slots": len(g), "slot_size": g[0].nbytes},
        **{"size": w.size, "rates": address(rates), "momentum": address(momentum), "decay": address(decay)},
    )


def bridge(maps: Planes, row: Planes, between: Array, *, back: bool = False) -> list[Op]:
    """The maps of one image at a time to its row, or the other way; `between` holds that one image."""
    there, here = (row, maps) if back else (maps, row)
    out, into = leave(there, between), enter(here, between)
    for o in (out, into):
        o.record["image_size"] = 0  # whichever image it is
    return [out, into]


def _window(x: Planes, window: Window, L: int) -> dict[str, int]:
    """Where a window on x starts, and its strides."""
    (sh, sw), (di, dj), (top, _, left, _) = window.stride, window.dilation, window.padding
    vector = lanes(x.memory.dtype)
    return {
        "x": x.at(-top, -left),
        "x_channel": x.plane,
        "x_row": sh * x.pitch,
        "x_column": sw * vector if L > 1 else vector,
        "x_i": di * x.pitch,
        "x_j": dj * L,
    }


def _weights(W: Array, bias: Array, has_bias: bool, strides: Sequence[int]) -> dict[str, int]:
    row, channel, i, j = strides
    own = {"w": address(W), "w_row": row, "w_channel": channel, "w_i": i, "w_j": j}
    return own | {"b": address(bias), "b_row": int(has_bias)}


def _pool(pool: Window) -> dict[str, int]:
    (si, sj), (top, _, left, _) = pool.stride, pool.padding
    return {"size_i": pool.size[0], "size_j": pool.size[1], "stride_i": si, "stride_j": sj, "top": top, "left": left}


_zeros = {np.dtype(kind): aligned(1, kind) for kind in (np.float32, np.float64)}  # the bias of layers without one


def _zero(dtype: npt.DTypeLike) -> Array:
    return _zeros[np.dtype(dtype)]
