"""Checks of arguments that belong to a network: images, outputs by name, filters, layers, a backend.

As in `arguments`, each returns the argument in one form, or raises an error that says what was expected and given.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol

import numpy as np

from nnpg.support.arguments import all_finite, as_array, as_labels, as_names, described, is_on_device
from nnpg_kernels import Array, Backend, load


class NetworkLike(Protocol):
    """The properties of a network that these checks read."""

    @property
    def names(self) -> list[str]: ...
    @property
    def input_shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def K(self) -> int: ...
    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]: ...
    @property
    def backend(self) -> Backend: ...


def as_images(net: NetworkLike, x: Any, name: str = "x", *, least: int = 0, finite: bool = False) -> Array:
    """Return images (N, *net.input_shape) as an array of real numbers, in the type they have.

    It is an array of NumPy, or of the network's device if it is there; `placed` brings the one there too.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(3)], input_shape=(2,), rng=0)
    >>> as_images(net, [0.0, 1.0])
    Traceback (most recent call last):
    ...
    ValueError: x must be images of shape (N, 2), not an array float64 (2,)
    """
    refuse_another_device(net, x, name)
    shape = ", ".join(map(str, net.input_shape))
    expected = f"{'at least one image' if least else 'images'} of shape (N, {shape})"
    a = x if is_on_device(x) else as_array(x, name, expected)
    if a.shape[1:] != net.input_shape or a.ndim == 0 or len(a) < least:
        raise ValueError(f"{name} must be {expected}, not {described(a)}")
    if a.dtype.kind == "c" and net.dtype.kind != "c":
        raise ValueError(f"{name} must be {expected}, of real numbers, not {described(a)}")
    if finite and not all_finite(a):
        n = int((~np.isfinite(a.reshape(len(a), -1)).all(axis=1)).argmax())  # waits, where the error is certain
        raise ValueError(f"{name} must be finite, but image {n} holds NaN or infinity: clean the data")
    return a


def refuse_another_device(net: NetworkLike, a: Any, name: str) -> None:
    """Raise a TypeError if an array is on a device, but not one of the network's backend."""
    if is_on_device(a) and not isinstance(a, net.backend.xp.ndarray):
        library = type(a).__module__.split(".")[0]
        raise TypeError(
            f"{name} is an array of {library} on a device, but this network computes with the backend "
            f"{net.backend.name!r}: copy the array to the host, or the network to the device with net.to('cupy')"
        )


def placed(net: NetworkLike, a: Array, name: str = "x") -> Array:
    """Return an array of the network's backend: data of the host goes up to a device once, whole.

    Raises
    ------
    MemoryError
        If it does not fit into the free memory of the device: how many bytes it needs, how many are free, and how many
        images would fit.

    Examples
    --------
    >>> import nnpg
    >>> x = np.zeros((4, 2))
    >>> placed(nnpg.build([nnpg.dense(3)], input_shape=(2,), rng=0), x) is x
    True
    """
    k = net.backend
    if k.xp is np or is_on_device(a):
        return a
    free_bytes = getattr(k, "free_bytes", None)
    free = a.nbytes if free_bytes is None else free_bytes()
    if a.nbytes > free:
        fit = free // max(1, a.nbytes // max(1, a.shape[0] if a.ndim else 1))
        raise MemoryError(
            f"{name} has {a.nbytes} bytes, and {free} are free on the device: give at most {fit} images in one call"
        )
    return k.asarray(a)


def as_targets(targets: Any, N: int, K: int, name: str = "targets") -> Array:
    """Return the targets of N images: labels (N,), or values of the outputs (N, K).

    Examples
    --------
    >>> as_targets([[0.0, 1.0]], 1, 3)
    Traceback (most recent call last):
    ...
    ValueError: targets must be 1 labels 0 .. 2, or an array (1, 3) of finite numbers, not an array float64 (1, 2)
    """
    expected = f"{N} labels 0 .. {K - 1}, or an array ({N}, {K}) of finite numbers"
    array = as_array(targets, name, expected)
    if array.ndim < 2:
        return as_labels(array, N, K, name)
    if array.shape != (N, K) or array.dtype.kind == "c":
        raise ValueError(f"{name} must be {expected}, not {described(array)}")
    if not all_finite(array):
        raise ValueError(f"{name} must be {expected}, not {described(array)} with NaN or infinity")
    return array


def as_examples(net: NetworkLike, x: Any, targets: Any, prefix: str = "") -> tuple[Array, Array]:
    """Return images in the network's type, and labels or values of the outputs.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(3)], input_shape=(2,), rng=0)
    >>> as_examples(net, [[0.0, 1.0]], [3], "validation: ")
    Traceback (most recent call last):
    ...
    ValueError: validation: targets must be 1 whole numbers 0 .. 2, one for each image, not int64 (1,) from 3 to 3
    """
    x = as_images(net, x, f"{prefix}x", least=1, finite=True)
    return x.astype(net.dtype, copy=False), as_targets(targets, len(x), net.K, f"{prefix}targets")


def as_pair_of_examples(net: NetworkLike, pair: Any, name: str) -> tuple[Array, Array]:
    """Return images and their targets, given as a pair.

    Examples
    --------
    >>> import nnpg
    >>> as_pair_of_examples(nnpg.build([nnpg.dense(3)], input_shape=(2,), rng=0), 5, "validation")
    Traceback (most recent call last):
    ...
    TypeError: validation must be a pair of images and their targets, (x, targets), not 5
    """
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise TypeError(f"{name} must be a pair of images and their targets, (x, targets), not {described(pair)}")
    return as_examples(net, pair[0], pair[1], f"{name}: ")


def as_output(net: NetworkLike, name: Any, argument: str = "layer") -> str:
    """Return the name of one output of a network.

    Examples
    --------
    >>> import nnpg
    >>> as_output(nnpg.build([nnpg.dense(3)], input_shape=(2,), rng=0), "pool1")
    Traceback (most recent call last):
    ...
    KeyError: "layer: no output named 'pool1'; this network has input, dense1"
    """
    if not isinstance(name, str):
        raise TypeError(f"{argument} must be the name of an output ({', '.join(net.names)}), not {described(name)}")
    if name not in net.names:
        raise KeyError(f"{argument}: no output named {name!r}; this network has {', '.join(net.names)}")
    return name


def as_outputs(net: NetworkLike, names: Any, argument: str = "layers") -> tuple[str, ...]:
    """Return the names of one or more outputs of a network.

    Examples
    --------
    >>> import nnpg
    >>> as_outputs(nnpg.build([nnpg.dense(3)], input_shape=(2,), rng=0), "dense1")
    ('dense1',)
    """
    outputs = (names,) if isinstance(names, str) else as_names(names, argument)
    if not outputs:
        raise ValueError(f"{argument} must name at least one output of {', '.join(net.names)}, not {described(names)}")
    return tuple(as_output(net, name, argument) for name in outputs)


def as_backend(value: Any, name: str = "backend") -> Backend:
    """Return a backend, or the one of that name.

    Examples
    --------
    >>> as_backend(3)
    Traceback (most recent call last):
    ...
    TypeError: backend must be the name of a backend, or a backend, not 3
    """
    if isinstance(value, str):
        return load(value)
    if not hasattr(value, "conv_forward") or not hasattr(value, "xp"):
        raise TypeError(f"{name} must be the name of a backend, or a backend, not {described(value)}")
    return value


def as_layer(layer: Any, name: str = "layer") -> Any:
    """Return a layer: any object with `forward`, `backward`, `gradients` and `parameters`.

    Examples
    --------
    >>> as_layer("tanh")
    Traceback (most recent call last):
    ...
    TypeError: layer must be a layer, an object with forward, backward, gradients, parameters, not 'tanh'
    """
    members = ("forward", "backward", "gradients", "parameters")
    missing = [member for member in members if not hasattr(layer, member)]
    if isinstance(layer, type):
        raise TypeError(f"{name} must be a layer, not {described(layer)}: make one, {layer.__name__}(...)")
    if len(missing) == len(members):
        raise TypeError(f"{name} must be a layer, an object with {', '.join(members)}, not {described(layer)}")
    if missing:
        raise TypeError(f"{name} must be a layer, but {type(layer).__name__} has no {', '.join(missing)}")
    return layer


def as_filters(net: NetworkLike, filters: Any, name: str = "filters") -> tuple[tuple[str, int], ...]:
    """Return filters as (output, index from 0), each of which the network has; scores after them are left out.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(3)], input_shape=(2,), rng=0)
    >>> as_filters(net, [("dense1", 3)])
    Traceback (most recent call last):
    ...
    IndexError: 'dense1' has filters 0 .. 2, not 3
    """
    expected = "a list of filters, (output, index from 0) each"
    if isinstance(filters, str | bytes | Mapping | set | np.ndarray) or not isinstance(filters, Collection):
        raise TypeError(f"{name} must be {expected}, not {described(filters)}")
    pairs = []
    for unit in filters:
        if not isinstance(unit, tuple | list) or not 2 <= len(unit) <= 3 or not isinstance(unit[0], str):
            raise TypeError(f"{name} must be {expected}, not one that is {described(unit)}")
        layer = as_output(net, unit[0], name)
        F = net.shapes[layer][0]
        if isinstance(unit[1], bool) or not isinstance(unit[1], int | np.integer):
            raise TypeError(f"{name} must be {expected}, not one that is {described(unit)}")
        if not 0 <= unit[1] < F:
            raise IndexError(f"{layer!r} has filters 0 .. {F - 1}, not {unit[1]}")
        pairs.append((layer, int(unit[1])))
    return tuple(pairs)
