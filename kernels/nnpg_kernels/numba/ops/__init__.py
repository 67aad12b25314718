"""Functions that make ops from arrays and planes: kernels with their addresses, sizes and strides. See `program`."""

from nnpg_kernels.numba.ops.channel_lanes import (
    bias_gradient_of_channels,
    channels_to_rows,
    convolution_of_channels,
    delta_of_channels,
    gradient_of_channels,
    image_delta,
    pack_filters,
    packed_filters,
    rows_to_channels,
    sum_gradients,
)
from nnpg_kernels.numba.ops.convolutions import (
    channel_parts,
    channel_sums,
    convolution,
    convolution_delta,
    convolution_gradient,
    first_winners,
    sparse_delta,
    unpooling,
)
from nnpg_kernels.numba.ops.dense_layers import dense, dense_delta, dense_delta_of_one, dense_gradient
from nnpg_kernels.numba.ops.elementwise import (
    activation,
    activation_delta,
    activation_delta_of_one,
    set_field,
    set_maps,
    set_units,
)
from nnpg_kernels.numba.ops.images import pack, repack, unpack
from nnpg_kernels.numba.ops.selection import choose_units, silence, step_of_units, unit_changes
from nnpg_kernels.numba.ops.training import bias_gradient, cross_entropy, loss_of_each, momentum_step, seed

__all__ = [
    "activation",
    "activation_delta",
    "activation_delta_of_one",
    "bias_gradient",
    "bias_gradient_of_channels",
    "channel_parts",
    "channel_sums",
    "channels_to_rows",
    "choose_units",
    "convolution",
    "convolution_delta",
    "convolution_gradient",
    "convolution_of_channels",
    "cross_entropy",
    "delta_of_channels",
    "dense",
    "dense_delta",
    "dense_delta_of_one",
    "dense_gradient",
    "first_winners",
    "gradient_of_channels",
    "image_delta",
    "loss_of_each",
    "momentum_step",
    "pack",
    "pack_filters",
    "packed_filters",
    "repack",
    "rows_to_channels",
    "seed",
    "set_field",
    "set_maps",
    "set_units",
    "silence",
    "sparse_delta",
    "step_of_units",
    "sum_gradients",
    "unit_changes",
    "unpack",
    "unpooling",
]
