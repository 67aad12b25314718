"""Networks on a device whose answer for an image has the same bits alone and in any batch.

A product of matrices may round a row differently when there are more rows. A convolution of a device does not: each of
its numbers is one sum in one order. So a dense layer is computed as the convolution of one pixel that it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nnpg.layers import AvgPool, Center, Conv, Dense, Dropout, Flatten, MaxPool, ReLU, Sigmoid, Softmax, Step, Tanh
from nnpg.network import Network
from nnpg_kernels import Array, Backend, Window

KINDS = {AvgPool, Center, Conv, Dense, Dropout, Flatten, MaxPool, ReLU, Sigmoid, Softmax, Step, Tanh}
PIXEL = Window((1, 1))


@dataclass(frozen=True, eq=False)
class DenseByImage(Dense):
    """A dense layer, computed by the convolutions of a backend.

    Examples
    --------
    >>> import numpy as np, nnpg
    >>> layer, k = DenseByImage(np.array([[1.0, 2.0]]), np.array([0.5])), nnpg.load_backend("numpy")
    >>> layer.forward(k, np.array([[3.0, 4.0]]))[0], layer.backward(k, np.array([[1.0]]), None)
    (array([[11.5]]), array([[1., 2.]]))
    """

    def forward(self, k: Backend, x: Array) -> tuple[Array, Array]:
        """y[n,f] = sum_d W[f,d] x[n,d] + b[f]."""
        y = k.conv_forward(x[:, :, None, None], self.W[:, :, None, None], self.b, PIXEL)
        return y[:, :, 0, 0], x

    def backward(self, k: Backend, delta: Array, saved: Array | None) -> Array:
        """dL/dx[n,d] = sum_f delta[n,f] W[f,d]."""
        dx = k.conv_delta(delta[..., None, None], self.W[:, :, None, None], PIXEL, 1, (1, 1))
        return dx[..., 0, 0]


def image_by_image(net: Network) -> Network | None:
    """Return such a network on the same device, or None where that is not known of its layers.

    Examples
    --------
    >>> import nnpg
    >>> image_by_image(nnpg.build([nnpg.dense(2)], input_shape=(3,), rng=0)) is None     # on a CPU
    True
    """
    if net.backend.xp is np or net.interventions or not all(type(layer) in KINDS for layer in net.layers.values()):
        return None
    if any(isinstance(layer, Dropout) and layer.key is not None for layer in net.layers.values()):
        return None
    dense = {n: DenseByImage(layer.W, layer.b) for n, layer in net.layers.items() if isinstance(layer, Dense)}
    return replace(net, layers={**net.layers, **dense})
