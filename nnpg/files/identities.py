"""What identifies a run, as JSON: the settings of nnpg's own values, and check sums of arrays.

A layer, loss, optimiser, decay or mask that a user wrote is refused: two of the same name need not compute the same,
and a file cannot say later whether it is the same one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from nnpg.losses import LOSSES, LossMaker
from nnpg.network import Network
from nnpg.support.arguments import on_host
from nnpg_kernels import Array


def identity(value: Any, name: str) -> Any:
    """Return what identifies a value, as JSON; for an array this is its dtype, shape and check sum.

    Parameters
    ----------
    value : any
        A number, a text, an array, a network, one of nnpg's own dataclasses, or a sequence or mapping of these.
    name : str
        Name of the value in the message of an error.

    Raises
    ------
    ValueError
        If the value is, or contains, anything else.

    Examples
    --------
    >>> import nnpg
    >>> identity(nnpg.SGD(lr=0.1), "the optimiser")
    {'kind': 'SGD', 'lr': 0.1, 'momentum': 0.0, 'decay': None, 'lr_decay': 0.0}
    """
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): identity(v, name) for key, v in value.items()}
    if isinstance(value, tuple | list):
        return [identity(v, name) for v in value]
    if type(value) is Network:
        return _network(value, name)
    if isinstance(value, np.ndarray):
        return array_identity(value)
    if type(value).__module__.split(".")[0] == "nnpg" and is_dataclass(value):
        return {"kind": type(value).__name__} | {f.name: identity(getattr(value, f.name), name) for f in fields(value)}
    raise ValueError(
        f"{name} holds a {type(value).__name__}, which is not nnpg's own: a checkpoint could not tell it from another "
        "one later. Run without a checkpoint"
    )


def array_identity(a: Array) -> str:
    """Return dtype, shape and check sum of an array; its order in memory does not matter.

    Examples
    --------
    >>> array_identity(np.zeros(2))
    'float64 (2,) 374708fff7719dd5'
    """
    a = on_host(a, "the array")
    plain = np.ascontiguousarray(a, a.dtype.newbyteorder("<"))
    digest = hashlib.sha256(plain.reshape(-1).view(np.uint8).data).hexdigest()
    return f"{a.dtype.newbyteorder('=')} {a.shape} {digest[:16]}"


def loss_identity(loss: str | LossMaker) -> str:
    """Return the name of one of nnpg's own losses; refuse any other loss.

    Examples
    --------
    >>> from nnpg.losses import squared_error
    >>> loss_identity(squared_error)
    'squared_error'
    """
    for name, make in LOSSES.items():
        if loss is make or loss == name:
            return name
    raise ValueError(
        f"a checkpoint could not tell your own loss from another one later: use one of {', '.join(LOSSES)}, or run "
        "without a checkpoint"
    )


def _network(net: Network, name: str) -> dict[str, Any]:
    plain = net.to("numpy")
    return {
        "backend": net.backend.name,
        "input_shape": list(net.input_shape),
        "layers": identity(plain.layers, name),
        "interventions": identity(plain.interventions, name),
    }
