"""Masks: what is added to an image so that a network takes it for a target (Lo & Ding 2015, IX, X).

A `Masker` returns the masks (n, T, *shape) of n images for T targets each. `linear` is the papers': dy_t/dx. The others
are made from it: the masks of other images, of other networks, or noise of the same size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from nnpg.network import INPUT, Network, as_network
from nnpg.prediction import all_gradients
from nnpg.programs import find
from nnpg.programs.tasks import Gradients
from nnpg.seeds import Classes, Of, as_of
from nnpg.support.arguments import as_count, as_flag, as_function, as_numbers, as_whole, described, is_on_device
from nnpg.support.network_arguments import as_images, placed
from nnpg_kernels import Array

# images (n, *shape), their targets (n, T), and which rows of the whole set they are (n,) -> masks (n, T, *shape)
Masker: TypeAlias = Callable[[Array, Array, Array], Array]


def gradient_masks(
    net: Network, x: npt.ArrayLike, targets: npt.ArrayLike, *, of: Of = "prob", sign: bool = False
) -> Array:
    """Return dy_t/dx of each image for each of its targets: the best direction to first order (Lo & Ding 2015, IX.A).

    Parameters
    ----------
    net : Network
    x : array (N, *net.input_shape)
    targets : array (N, T), int
    of : "prob", "logit" or "logprob"
        What is differentiated: the output y_t (the paper's), its logit, or log y_t.
    sign : bool
        Return the sign of the gradient (the fast gradient sign method of Goodfellow et al. 2015, towards a target).

    Returns
    -------
    array (N, T, *net.input_shape)
        In units of the output by units of the pixel.

    Raises
    ------
    ValueError
        If images, targets or network do not fit.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(2), nnpg.Softmax()], input_shape=(2,), rng=0, dtype="float64")
    >>> net = net.replace("dense1", W=np.eye(2))
    >>> gradient_masks(net, [[0.0, 0.0]], [[1]])                  # y_1 (1 - y_1) (w_1 - w_0)
    array([[[-0.25,  0.25]]])
    """
    net, of, sign = as_network(net), as_of(of), as_flag(sign, "sign")
    x = placed(net, as_images(net, x, least=1))
    expected = f"an array ({len(x)}, T), a row of classes for each image,"
    targets = as_whole(targets, "targets", expected, ndim=2, least=0, most=net.K - 1)
    if len(targets) != len(x):
        raise ValueError(f"targets must be {expected} not {described(targets)}")
    masks = placed_masks(net, x, targets, of, sign)
    return masks if isinstance(masks, np.ndarray) else net.backend.to_numpy(masks)


def placed_masks(net: Network, x: Array, targets: Array, of: Of, sign: bool) -> Array:
    """Return the same for arguments that have been checked; what is computed layer by layer stays where the network is.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(2), nnpg.Softmax()], input_shape=(3,), rng=0)
    >>> placed_masks(net, np.zeros((4, 3)), np.array([[1]] * 4), "prob", False).shape
    (4, 1, 3)
    """
    program = find(net, Gradients((INPUT,), of, len(x)))
    one_target = targets.shape[1] == 1
    classes: Classes
    classes, labels = "true" if one_target else "all", targets[:, 0] if one_target else None
    deltas = all_gradients(net, program, x, (INPUT,), classes, labels, of, stays=True)[INPUT]  # (N, ...), (K, N, ...)
    xp = np if isinstance(deltas, np.ndarray) else net.backend.xp
    masks = deltas[:, None] if one_target else deltas[xp.asarray(targets), xp.arange(len(x))[:, None]]  # (N, T, ...)
    return xp.sign(masks) if sign else masks


def linear(net: Network, *, of: Of = "prob", sign: bool = False) -> Masker:
    """Return the masker of the gradient in `net`; of another network it is a transfer (Lo & Ding 2015, X.B)."""
    return _Linear(as_network(net), as_of(of), as_flag(sign, "sign"))


def borrowed(masks: Masker, donors: npt.ArrayLike) -> Masker:
    """Return the masker that gives image n the masks of `donors[n]`, such as its nearest neighbour (X.A)."""
    return _Borrowed(as_masker(masks), as_numbers(donors, "donors", "images (N, ...)", finite=True))


def shared(masks: npt.ArrayLike) -> Masker:
    """Return the masker that gives every image with target t the same mask, `masks[t]` (K, *shape) (VIII.A)."""
    return _Shared(as_numbers(masks, "masks", "an array (K, ...)", finite=True))


def noise_like(masks: Masker, seed: int) -> Masker:
    """Return the masker of Gaussian noise, each mask as long as that of `masks`; each row n has a draw of its own.

    Examples
    --------
    >>> ones = shared(np.ones((3, 4)))
    >>> mask = noise_like(ones, seed=0)(np.zeros((1, 4)), np.array([[2]]), np.array([0]))
    >>> mask.shape, float((mask**2).sum().round(6))
    ((1, 1, 4), 4.0)
    """
    return _NoiseLike(as_masker(masks), as_count(seed, "seed", least=0))


def scaled(masks: Masker, sizes: npt.ArrayLike) -> Masker:
    """Return the masker that multiplies each mask by the size of its target, `sizes[t]` (K,): for example the best eta.

    Examples
    --------
    >>> scaled(shared(np.ones((3, 2))), [1, 2, 3])(np.zeros((1, 2)), np.array([[2]]), np.array([0]))
    array([[[3., 3.]]])
    """
    return _Scaled(as_masker(masks), as_numbers(sizes, "sizes", "an array (K,)", ndim=1, finite=True))


def to_unit(masks: Masker) -> Masker:
    """Return the masker that scales each mask to a root mean square of 1, so that eta is the distortion.

    Examples
    --------
    >>> to_unit(shared([[3.0, 4.0, 0.0, 0.0]]))(np.zeros((1, 4)), np.array([[0]]), np.array([0]))
    array([[[1.2, 1.6, 0. , 0. ]]])
    """
    return _ToUnit(as_masker(masks))


def apply_masks(
    x: npt.ArrayLike, masks: npt.ArrayLike, eta: npt.ArrayLike, box: tuple[float, float] | None = None
) -> Array:
    """Return x + eta W, clipped to the box if one is given; eta is a number, or one per image.

    Examples
    --------
    >>> apply_masks([[0.5, 0.9]], [[1.0, 1.0]], 0.2, box=(0, 1))
    array([[0.7, 1. ]])
    """
    x, W = as_numbers(x, "x", "images (N, ...)"), as_numbers(masks, "masks", "an array that fits the images")
    size = as_numbers(eta, "eta", "a number, or one for each image,")
    if size.ndim and size.shape[:1] != W.shape[:1]:
        raise ValueError(f"eta must be a number, or one for each of {len(W)} images, not {size.shape}")
    return masked(np, x, W, size.reshape(size.shape + (1,) * (W.ndim - size.ndim)), box)


def masked(xp: ModuleType, x: Array, W: Array, eta: Array, box: tuple[float, float] | None) -> Array:
    """Return x + eta W of arrays of the module `xp`, clipped to the box if one is given; eta is in the type of W.

    Examples
    --------
    >>> masked(np, np.array([0.5, 0.9]), np.array([1.0, 1.0]), np.float64(0.2), (0, 1))
    array([0.7, 1. ])
    """
    adversarial = x + eta.astype(W.dtype if W.dtype.kind == "f" else np.float64) * W
    return adversarial if box is None else xp.clip(adversarial, *box)


# Maskers are values, not closures: a checkpoint compares what the maskers of two sweeps hold.


@dataclass(frozen=True, eq=False)
class _Linear:
    net: Network
    of: Of
    sign: bool

    def fits(self, x: Array) -> bool:
        """Whether images are on the device of the network, and of its shape."""
        return is_on_device(x) and isinstance(x, self.net.backend.xp.ndarray) and x.shape[1:] == self.net.input_shape

    def placed(self, x: Array, targets: Array) -> Array:
        """Return the masks of images that are where the network is."""
        return placed_masks(self.net, x, targets, self.of, self.sign)

    def __call__(self, x: Array, targets: Array, rows: Array) -> Array:
        return gradient_masks(self.net, x, targets, of=self.of, sign=self.sign)


@dataclass(frozen=True, eq=False)
class _Borrowed:
    masks: Masker
    donors: Array

    def __call__(self, x: Array, targets: Array, rows: Array) -> Array:
        return self.masks(self.donors[rows], targets, rows)


@dataclass(frozen=True, eq=False)
class _Shared:
    masks: Array

    def __call__(self, x: Array, targets: Array, rows: Array) -> Array:
        return np.asarray(self.masks[targets])


@dataclass(frozen=True, eq=False)
class _NoiseLike:
    masks: Masker
    seed: int

    def __call__(self, x: Array, targets: Array, rows: Array) -> Array:
        masks = self.masks(x, targets, rows)
        drawn = np.stack([np.random.default_rng((self.seed, int(n))).normal(size=masks.shape[1:]) for n in rows])
        return np.asarray((drawn * (_length(masks) / _length(drawn))).astype(masks.dtype))


@dataclass(frozen=True, eq=False)
class _Scaled:
    masks: Masker
    sizes: Array

    def __call__(self, x: Array, targets: Array, rows: Array) -> Array:
        masks = self.masks(x, targets, rows)
        factor = self.sizes[targets].astype(masks.dtype)
        return np.asarray(masks * factor.reshape(*factor.shape, *[1] * (masks.ndim - 2)))


@dataclass(frozen=True, eq=False)
class _ToUnit:
    masks: Masker

    def __call__(self, x: Array, targets: Array, rows: Array) -> Array:
        masks = self.masks(x, targets, rows)
        size = np.sqrt(np.float64(masks[0, 0].size)) / np.maximum(_length(masks), np.finfo(np.float64).tiny)
        return np.asarray((masks.astype(np.float64) * size).astype(masks.dtype))


def masks_for(net: Network, masker: Masker, x: Array, placed_x: Array, targets: Array, rows: Array) -> Array:
    """Return the masks of some rows of images, where `net` is; a masker of one's own is given arrays of the host.

    `x` are the images as they were given, and `placed_x` the same where `net` is.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(2), nnpg.Softmax()], input_shape=(3,), rng=0)
    >>> x, targets = np.zeros((9, 3)), np.array([[1]] * 9)
    >>> masks_for(net, linear(net), x, x, targets, np.arange(4)).shape
    (4, 1, 3)
    """
    part = slice(rows[0], rows[-1] + 1)
    made = masker.placed(placed_x[part], targets[part]) if type(masker) is _Linear and masker.fits(placed_x) else None
    if made is None:
        made = np.asarray(masker(net.backend.to_numpy(x[part]), targets[part], rows))
    return placed(net, made, "masks")


def as_masker(masks: Masker) -> Masker:
    """Return a masker, or raise an error where it is none."""
    return as_function(masks, "masks", "(images, targets, rows) -> masks (n, T, ...)")


def _length(masks: Array) -> Array:
    """|mask|_2, with axes to multiply by (n, T, 1, ...), in float64 so that small masks do not vanish."""
    flat = masks.reshape(*masks.shape[:2], -1).astype(np.float64)
    return np.asarray(np.sqrt((flat * flat).sum(axis=-1)).reshape(*masks.shape[:2], *[1] * (masks.ndim - 2)))
