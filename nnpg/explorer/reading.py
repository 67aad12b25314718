"""The network and the images of an explorer's page, read from its file: what the page's Python programs start from."""

from __future__ import annotations

import base64
import json
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnpg.files.errors import ModelFileError
from nnpg.files.networks import FORMAT, network_from
from nnpg.files.tensors import existing
from nnpg.network import Network
from nnpg.support.arguments import as_path
from nnpg.support.network_arguments import as_backend
from nnpg_kernels import Array

_DOCUMENT = re.compile(
    r'<script type="application/json" id="document" data-crc32="(\d+)"[^>]*>(.*?)</script>', re.DOTALL
)


@dataclass(frozen=True, eq=False)
class Page:
    """What an explorer's page is about.

    Parameters
    ----------
    net : Network
    x : array (N, *net.input_shape)
        The images, exactly as the page has them.
    labels : array (N,)
    class_names : K strings
    """

    net: Network
    x: Array
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]


def read_page(path: str | Path, backend: str = "auto") -> Page:
    """Read a page that `nnpg.explore` wrote.

    Parameters
    ----------
    path : path
    backend : str
        See `nnpg_kernels.load`.

    Raises
    ------
    FileNotFoundError
    ModelFileError
        If it is no such page, or is damaged.

    Examples
    --------
    >>> import tempfile, nnpg
    >>> net = nnpg.build([nnpg.dense(3), nnpg.Softmax()], input_shape=(2,), rng=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = nnpg.explore(net, np.eye(2), [0, 2], Path(folder) / "net.html", attack=False, progress=False)
    ...     same = read_page(page)
    >>> bool((same.net.layers["dense1"].W == net.layers["dense1"].W).all()), same.labels
    (True, array([0, 2]))
    """
    k, path = as_backend(backend), existing(as_path(path, "path"))
    found = _DOCUMENT.search(path.read_text(encoding="utf-8", errors="replace"))
    if found is None:
        raise ModelFileError(f"{path}: this is no page of the explorer: nnpg explore writes one")
    if zlib.crc32(found[2].encode(errors="replace")) != int(found[1]):
        raise ModelFileError(f"{path}: the page is damaged; write it again with nnpg explore")
    document = json.loads(found[2])
    net = _network(document, path, k)
    labels = np.array(document["labels"], np.int64)
    return Page(net, _unpacked(document["images"]), labels, tuple(document["classNames"]))


def _network(document: dict[str, Any], path: Path, k: Any) -> Network:
    tensors: dict[str, Array] = {}
    entries = []
    for layer in document["layers"]:
        arrays = {p: _unpacked(a) for p, a in layer["arrays"].items()}
        tensors |= {f"{layer['name']}.{p}": a for p, a in arrays.items()}
        entries.append({"name": layer["name"], "layer": layer["layer"], **layer["settings"], "arrays": sorted(arrays)})
    dtype = np.result_type(
        np.float32, *tensors.values()
    )  # the page packs each array in the smallest type that is exact
    about = {"format": FORMAT, "input_shape": document["inputShape"], "architecture": entries}
    return network_from({name: a.astype(dtype) for name, a in tensors.items()}, about, path, k)


def _unpacked(packed: dict[str, Any]) -> Array:
    """Return an array of the page: bytes are 0 .. 255 / 255 in float32."""
    values = np.frombuffer(base64.b64decode(packed["data"]), f"<{packed['type']}").reshape(packed["shape"])
    if packed["type"] == "u1":
        return values.astype(np.float32) / np.float32(255)
    return values.astype(values.dtype.newbyteorder("="))
