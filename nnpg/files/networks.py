"""Networks on disk: the architecture and where it came from as JSON in the header of a file of arrays.

A file loads to the same bits, or is refused in words. Everything that can be wrong with it is found in its header,
before an array is read: sizes, names, dtypes, settings, and whether each layer can take the shape that reaches it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nnpg.files.architecture import LARGEST_OUTPUT, ArrayKind, built, check_architecture, described
from nnpg.files.errors import ModelFileError
from nnpg.files.header import Header, read_header
from nnpg.files.tensors import existing, read_about, read_array, write_tensors
from nnpg.files.text import shown
from nnpg.layers import arrays
from nnpg.network import Network, as_network
from nnpg.support.arguments import as_count, as_json, as_mapping, as_path
from nnpg.support.network_arguments import as_backend
from nnpg_kernels import Array, Backend

FORMAT = "nnpg-network-1"
UNLIMITED = 2**200  # numbers of an output


def save(net: Network, path: str | Path, provenance: Mapping[str, Any] | None = None) -> Path:
    """Write a network to a `.safetensors` file.

    Parameters
    ----------
    net : Network
    path : path
    provenance : mapping, optional
        Anything JSON can hold: data set, seed, epochs, errors, command.

    Raises
    ------
    ValueError
        If the network has interventions or layers that are not nnpg's own, or arrays that are not float32 or float64;
        none of these can be rebuilt from a file.
    NotWrittenError
        If the file cannot be written. The network is then in another place, which the message names.

    Examples
    --------
    >>> import tempfile, nnpg
    >>> net = nnpg.build([nnpg.dense(3)], input_shape=(2,), rng=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     same = load_network(save(net, Path(folder) / "net.safetensors", {"seed": 0}))
    >>> bool((same.layers["dense1"].W == net.layers["dense1"].W).all())
    True
    """
    net, path = as_network(net), as_path(path, "path")
    known = {} if provenance is None else as_mapping(provenance, "provenance", "string to what JSON can hold")
    return write_tensors(path, tensors_of(net), header_of(net) | {"provenance": as_json(known, "provenance")})


def load_network(path: str | Path, backend: str = "auto", *, largest_output: int = LARGEST_OUTPUT) -> Network:
    """Read a network that `save` wrote.

    Weights that are NaN or infinite are loaded as they are: a network that diverged can be looked at.

    Parameters
    ----------
    path : path
    backend : str
        See `nnpg_kernels.load`.
    largest_output : int
        Numbers that one output may hold for one image. A file that asks for more is refused, since a few digits of
        padding would fill the memory.

    Raises
    ------
    FileNotFoundError
    ModelFileError
        If the file is damaged, of another kind or version, its arrays do not fit its architecture, or it asks for
        outputs larger than the limit.
    """
    k, largest_output = as_backend(backend), as_count(largest_output, "largest_output")
    path = existing(as_path(path, "path"))
    with path.open("rb") as file:
        header = read_header(file, path)
        check_network(header.about, _kinds(header), path, largest_output)
        tensors = {entry.name: read_array(file, entry, path) for entry in header.entries}
    return _around(tensors, header.about, k)


def describe(path: str | Path) -> dict[str, Any]:
    """Return the header of a network's file: format, input_shape, architecture, provenance. No array is read."""
    header = read_about(path)
    check_network(header.about, _kinds(header), path, UNLIMITED)
    return header.about


def tensors_of(net: Network) -> dict[str, Array]:
    """Return every array of a network by its name in the file, "conv1.W"."""
    to_numpy = net.backend.to_numpy
    return {f"{name}.{n}": to_numpy(a) for name, layer in net.layers.items() for n, a in arrays(layer).items()}


def header_of(net: Network) -> dict[str, Any]:
    """Return what rebuilds a network around its arrays; refuse a network that could not be rebuilt."""
    if net.interventions:
        raise ValueError(f"this network has interventions on {', '.join(net.interventions)}: save the one without them")
    header = {"format": FORMAT, "input_shape": list(net.input_shape), "architecture": described(net.layers)}
    kinds = {name: ArrayKind(a.shape, a.dtype.newbyteorder("=")) for name, a in tensors_of(net).items()}
    try:
        check_architecture(json.loads(json.dumps(header)), kinds, UNLIMITED)
    except (TypeError, ValueError) as error:
        raise ValueError(f"a file cannot hold this network: {error}") from error
    return header


def check_network(
    about: Mapping[str, Any], kinds: Mapping[str, ArrayKind], path: str | Path, largest_output: int
) -> None:
    """Refuse a header that is not one of a network with these arrays."""
    if about.get("format") != FORMAT:
        raise ModelFileError(f"{path}: expected the format {FORMAT!r}, found {shown(about.get('format'))}")
    try:
        check_architecture(about, kinds, largest_output)
    except ValueError as error:
        raise ModelFileError(f"{path}: {error}") from error


def network_from(tensors: Mapping[str, Array], about: Mapping[str, Any], path: str | Path, k: Backend) -> Network:
    """Rebuild a network from what a file holds."""
    check_network(about, {name: ArrayKind(a.shape, a.dtype) for name, a in tensors.items()}, path, LARGEST_OUTPUT)
    return _around(tensors, about, k)


def _around(tensors: Mapping[str, Array], about: Mapping[str, Any], k: Backend) -> Network:
    """The network of a header that has been checked."""
    layers = built(about, {name: k.asarray(a) for name, a in tensors.items()})
    return Network(layers, tuple(about["input_shape"]), k)


def _kinds(header: Header) -> dict[str, ArrayKind]:
    return {entry.name: ArrayKind(entry.shape, entry.dtype.newbyteorder("=")) for entry in header.entries}
