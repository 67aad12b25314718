"""The papers' networks as recipes: each list of layers is the architecture.

Each function takes the training images and subtracts their mean in the first layer, so that the network takes pixels as
they are, and `deltas["input"]` is the derivative with respect to them. The weights are random: train with `nnpg.train`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from nnpg.layers import Center, Flatten, MaxPool, ReLU, Softmax, Tanh
from nnpg.network import Network
from nnpg.recipes.networks import Step, build, conv, dense
from nnpg.support.arguments import as_count, as_dtype, as_numbers, as_shape, described
from nnpg_kernels import Array

Model = Callable[..., Network]


def face_net(
    x_train: npt.ArrayLike,
    K: int = 15,
    *,
    dtype: npt.DTypeLike = "float32",
    backend: str = "auto",
    rng: int | np.random.Generator = 0,
) -> Network:
    """Return Lo & Ding's network for faces (2015, IV.A): three blocks of 5, 8 and 10 maps, 20 tanh units, K classes.

    Parameters
    ----------
    x_train : array (N, C, H, W)
        Training images, 36 x 36 pixels or more; their mean, one number, is subtracted from every image.
    K : int
        Number of classes.
    dtype : float32 or float64
    backend : str
        See `nnpg_kernels.load`.
    rng : int or numpy.random.Generator
        Draws the weights.

    Returns
    -------
    Network
        Untrained: Glorot weights, biases 0.

    Raises
    ------
    ValueError
        If x_train is not an array of images, or they are too small for three blocks.

    Examples
    --------
    >>> net = face_net(np.zeros((1, 1, 60, 60)), K=15)
    >>> net.n_parameters, sum(len(net.layers[name].W) for name in ("conv1", "conv2", "conv3"))
    (6683, 23)
    """
    x, K, dtype = _images(x_train), as_count(K, "K"), as_dtype(dtype)
    recipe: list[Step] = [Center(np.asarray(x.mean(), dtype))]
    for filters in (5, 8, 10):
        recipe += [conv(filters, 5), Tanh(), MaxPool(2)]
    recipe += [Flatten(), dense(20), Tanh(), dense(K), Softmax()]
    return build(recipe, input_shape=x.shape[1:], dtype=dtype, backend=backend, rng=rng)


def digit_net(
    x_train: npt.ArrayLike,
    K: int = 10,
    *,
    dtype: npt.DTypeLike = "float32",
    backend: str = "auto",
    rng: int | np.random.Generator = 0,
) -> Network:
    """Return Hinthorn's network for digits (2017, 2.2): two blocks of 32 and 64 maps, 200 rectified units, K classes.

    Parameters
    ----------
    x_train : array (N, C, H, W)
        Training images, 22 x 22 pixels or more; their mean, one number, is subtracted from every image.
    K, dtype, backend, rng
        As in `face_net`.

    Examples
    --------
    >>> net = digit_net(np.zeros((1, 1, 28, 28)))
    >>> net.layers["dense1"].W.shape
    (200, 256)
    """
    x, K, dtype = _images(x_train), as_count(K, "K"), as_dtype(dtype)
    recipe: list[Step] = [Center(np.asarray(x.mean(), dtype))]
    recipe += [conv(32, 5, init="he"), ReLU(), MaxPool(3)]
    recipe += [conv(64, 5, init="he"), ReLU(), MaxPool(2)]
    recipe += [Flatten(), dense(200, init="he"), ReLU(), dense(K), Softmax()]
    return build(recipe, input_shape=x.shape[1:], dtype=dtype, backend=backend, rng=rng)


def cifar_net(
    x_train: npt.ArrayLike,
    K: int = 10,
    *,
    dtype: npt.DTypeLike = "float32",
    backend: str = "auto",
    rng: int | np.random.Generator = 0,
) -> Network:
    """Return Lo & Ding's "pseudo-AlexNet" for small colour images (2015, VII.A): blocks of 32, 32, 64 maps, K classes.

    The paper does not give the window sizes; these are cuda-convnet's: 5 x 5 padded by 2, pooled 3 x 3 with stride 2.

    Parameters
    ----------
    x_train : array (N, C, H, W)
        Training images of any size; the mean of each channel is subtracted from every image.
    K, dtype, backend, rng
        As in `face_net`.

    Examples
    --------
    >>> net = cifar_net(np.zeros((1, 3, 32, 32)))
    >>> net.layers["dense1"].W.shape
    (10, 1024)
    """
    x, K, dtype = _images(x_train), as_count(K, "K"), as_dtype(dtype)
    recipe: list[Step] = [Center(x.mean(axis=(0, 2, 3))[:, None, None].astype(dtype))]
    for filters in (32, 32, 64):
        recipe += [conv(filters, 5, padding=2, init="he"), ReLU(), MaxPool(3, 2, padding=1)]
    recipe += [Flatten(), dense(K), Softmax()]
    return build(recipe, input_shape=x.shape[1:], dtype=dtype, backend=backend, rng=rng)


MODELS: dict[str, Model] = {"face_net": face_net, "digit_net": digit_net, "cifar_net": cifar_net}


def model_for(image_shape: Sequence[int]) -> str:
    """Return the name of the model for images (C, H, W): the one made for their size, or else one that takes them.

    Examples
    --------
    >>> model_for((1, 60, 60)), model_for((1, 28, 28)), model_for((3, 32, 32))
    ('face_net', 'digit_net', 'cifar_net')
    """
    _, H, W = as_shape(image_shape, "image_shape", 3)
    if min(H, W) >= 36:
        return "face_net"
    return "digit_net" if (H, W) == (28, 28) else "cifar_net"


def _images(x_train: npt.ArrayLike) -> Array:
    x = as_numbers(x_train, "x_train", "images (N, C, H, W), at least one,", ndim=4, finite=True)
    if x.size == 0:
        raise ValueError(f"x_train must be images (N, C, H, W), at least one, not {described(x)}")
    return x
