"""Networks on disk: a file of arrays whose header holds the architecture and the provenance as JSON.

A file loads to the same bits, or is refused with a message. All errors are found in the header, before an array is
read: sizes, names, dtypes, settings, and whether each layer can take the shape of its input.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nnpg.files.architecture import LARGEST_OUTPUT, ArrayKind, check_architecture, layers_as_json, layers_from_json
from nnpg.files.errors import ModelFileError
from nnpg.files.header import Header, read_header
from nnpg.files.tensors import existing, read_about, read_array, write_tensors
from nnpg.files.text import shown
from nnpg.layers import arrays
from nnpg.network import Network, as_network
from nnpg.support.arguments import as_count, as_json, as_mapping, as_path
from nnpg.support.crossings import values_to_numpy
from nnpg.support.network_arguments import as_backend
from nnpg_kernels import Array, Backend

FORMAT = "nnpg-network-1"
UNLIMITED = 2**200  # numbers in one output


def save(net: Network, path: str | Path, provenance: Mapping[str, Any] | None = None) -> Path:
    """Write a network to a `.safetensors` file.

    Parameters
    ----------
    net : Network
    path : path
    provenance : mapping, optional
        Where the network comes from, as JSON can hold it: data set, seed, epochs, errors, command.

    Raises
    ------
    ValueError
        If the network has interventions, layers that are not nnpg's own, or arrays that are not float32 or float64:
        these cannot be rebuilt from a file.
    NotWrittenError
        If the file cannot be written. The network is then in another file, which the message names.

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
    facts = {} if provenance is None else as_mapping(provenance, "provenance", "string to what JSON can hold")
    return write_tensors(path, tensors_of(net), header_of(net) | {"provenance": as_json(facts, "provenance")})


def load_network(path: str | Path, backend: str = "auto", *, largest_output: int = LARGEST_OUTPUT) -> Network:
    """Read a network that `save` wrote.

    Weights that are NaN or infinite are loaded as they are, so that a network that diverged can be examined.

    Parameters
    ----------
    path : path
    backend : str
        See `nnpg_kernels.load`.
    largest_output : int
        Upper limit on the numbers in one output for one image. A file that asks for more is refused, since a padding
        of a few digits can ask for more memory than there is.

    Raises
    ------
    FileNotFoundError
    ModelFileError
        If the file is damaged or of another kind or version, its arrays do not fit its architecture, or an output is
        larger than the limit.
    """
    k, largest_output = as_backend(backend), as_count(largest_output, "largest_output")
    path = existing(as_path(path, "path"))
    with path.open("rb") as file:
        header = read_header(file, path)
        check_network(header.about, _kinds(header), path, largest_output)
        tensors = {entry.name: read_array(file, entry, path) for entry in header.entries}
    return _network(tensors, header.about, k)


def describe(path: str | Path) -> dict[str, Any]:
    """Return the header of a network's file: format, input_shape, architecture, provenance. No array is read."""
    header = read_about(path)
    check_network(header.about, _kinds(header), path, UNLIMITED)
    return header.about


def tensors_of(net: Network) -> dict[str, Array]:
    """Return every array of a network by its name in the file, such as "conv1.W"."""
    return values_to_numpy(net.backend, _placed_tensors(net))


def _placed_tensors(net: Network) -> dict[str, Array]:
    return {f"{name}.{n}": a for name, layer in net.layers.items() for n, a in arrays(layer).items()}


def header_of(net: Network) -> dict[str, Any]:
    """Return the header from which a network can be rebuilt; refuse a network for which this is not possible."""
    if net.interventions:
        raise ValueError(f"this network has interventions on {', '.join(net.interventions)}: save the one without them")
    header = {"format": FORMAT, "input_shape": list(net.input_shape), "architecture": layers_as_json(net.layers)}
    kinds = {name: ArrayKind(a.shape, a.dtype.newbyteorder("=")) for name, a in _placed_tensors(net).items()}
    try:
        check_architecture(json.loads(json.dumps(header)), kinds, UNLIMITED)
    except (TypeError, ValueError) as error:
        raise ValueError(f"a file cannot hold this network: {error}") from error
    return header


def check_network(
    about: Mapping[str, Any], kinds: Mapping[str, ArrayKind], path: str | Path, largest_output: int
) -> None:
    """Refuse a header that does not describe a network with these arrays."""
    if about.get("format") != FORMAT:
        raise ModelFileError(f"{path}: expected the format {FORMAT!r}, found {shown(about.get('format'))}")
    try:
        check_architecture(about, kinds, largest_output)
    except ValueError as error:
        raise ModelFileError(f"{path}: {error}") from error


def network_from(tensors: Mapping[str, Array], about: Mapping[str, Any], path: str | Path, k: Backend) -> Network:
    """Rebuild a network from the arrays and the header of a file."""
    check_network(about, {name: ArrayKind(a.shape, a.dtype) for name, a in tensors.items()}, path, LARGEST_OUTPUT)
    return _network(tensors, about, k)


def _network(tensors: Mapping[str, Array], about: Mapping[str, Any], k: Backend) -> Network:
    """Return the network of a header that has been checked."""
    layers = layers_from_json(about, {name: k.asarray(a) for name, a in tensors.items()})
    return Network(layers, tuple(about["input_shape"]), k)


def _kinds(header: Header) -> dict[str, ArrayKind]:
    return {entry.name: ArrayKind(entry.shape, entry.dtype.newbyteorder("=")) for entry in header.entries}
