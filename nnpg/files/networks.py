"""Networks on disk: a file of arrays whose header holds the architecture and the provenance as JSON.

A file loads to the same bits, or is refused with a message. All errors are found in the header, before an array is
read: sizes, names, dtypes, settings, and whether each layer can take the shape of its input.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nnpg.files.architecture import LARGEST_OUTPUT, ArrayKind, check_architecture, layers_as_json, layers_from_json
from nnpg.files.errors import ModelFileError
from nnpg.files.header import Header, read_header
from nnpg.files.output_limits import check_user_outputs
from nnpg.files.tensors import existing, read_about, read_array, write_tensors
from nnpg.files.text import shown
from nnpg.files.user_layers import as_user_classes, check_restored
from nnpg.layers import arrays
from nnpg.layers.shapes import is_built_in
from nnpg.network import Network, as_network
from nnpg.support.arguments import as_count, as_json, as_mapping, as_path
from nnpg.support.crossings import values_to_numpy
from nnpg.support.network_arguments import as_backend
from nnpg_kernels import Array, Backend

FORMAT = "nnpg-network-1"
UNLIMITED = 2**200  # numbers in one output


def save(net: Network, path: str | Path, provenance: Mapping[str, Any] | None = None) -> Path:
    """Write a network to a `.safetensors` file.

    A layer that is not nnpg's own is named in the file by its class, module.QualifiedName, beside its fields. The
    class itself is not in the file: `load_network` takes it from its caller.

    Parameters
    ----------
    net : Network
    path : path
    provenance : mapping, optional
        Where the network comes from, as JSON can hold it: data set, seed, epochs, errors, command.

    Raises
    ------
    ValueError
        If the network has interventions or arrays that are not float32 or float64, or a layer that is not nnpg's own
        has a field that is not a number, a text, None, a tuple of these or an array: these cannot be rebuilt from a
        file. The message names the layer and its field.
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
    header = header_of(net) | {"provenance": as_json(facts, "provenance")}
    return write_tensors(path, tensors_of(net), header)


def load_network(
    path: str | Path,
    backend: str = "auto",
    *,
    layers: Sequence[type[Any]] = (),
    largest_output: int = LARGEST_OUTPUT,
) -> Network:
    """Read a network that `save` wrote.

    Weights that are NaN or infinite are loaded as they are, so that a network that diverged can be examined.

    Nothing is imported or run because a file names it. The class of a layer that is not nnpg's own is one that is
    passed as `layers` under the name that the file has, module.QualifiedName; its constructor is called with the
    fields, and its forward pass with one image of zeros, which shows the shape of its output. A class that was
    defined in a script or a notebook has the module `__main__`: define it in a module of its own before `save` if
    another script is to load the network.

    Parameters
    ----------
    path : path
    backend : str
        See `nnpg_kernels.load`.
    layers : sequence of classes, optional
        Classes of the layers that are not nnpg's own: dataclasses with `parameters`, `forward`, `backward` and
        `gradients`.
    largest_output : int
        Upper limit on the numbers in one output for one image. A file that asks for more is refused, since a padding
        of a few digits can ask for more memory than there is.

    Raises
    ------
    FileNotFoundError
    ModelFileError
        If the file is damaged or of another kind or version, its arrays do not fit its architecture, an output is
        larger than the limit, or the file names a class that is not passed or has other fields.
    ValueError
        If a class in `layers` is no dataclass, lacks a method, or has the name of one of nnpg's own layers, or two have
        the same name.

    Examples
    --------
    >>> import tempfile, nnpg
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Scaled(nnpg.Tanh):
    ...     factor: float = 2.0
    ...     def forward(self, k, x):
    ...         return super().forward(k, self.factor * x)
    ...     def backward(self, k, delta, saved):
    ...         return self.factor * super().backward(k, delta, saved)
    >>> net = nnpg.build([nnpg.dense(3), ("scaled", Scaled(0.5))], input_shape=(2,), rng=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     same = load_network(save(net, Path(folder) / "net.safetensors"), layers=[Scaled])
    >>> same.layers["scaled"]
    Scaled(factor=0.5)
    """
    k, largest_output = as_backend(backend), as_count(largest_output, "largest_output")
    user_classes = as_user_classes(layers, "layers")
    path = existing(as_path(path, "path"))
    with path.open("rb") as file:
        header = read_header(file, path)
        check_network(header.about, _kinds(header), path, largest_output, user_classes)
        tensors = {entry.name: read_array(file, entry, path) for entry in header.entries}
    try:
        net = _network(tensors, header.about, k, user_classes)
        _check_user_outputs(net, largest_output)
    except ValueError as error:
        raise ModelFileError(f"{path}: {error}") from error
    return net


def describe(path: str | Path) -> dict[str, Any]:
    """Return the header of a network's file: format, input_shape, architecture, provenance. No array is read.

    A class that is not nnpg's own is not needed. Of its layer only the form of the entry is checked.
    """
    header = read_about(path)
    check_network(header.about, _kinds(header), path, UNLIMITED, None)
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
    others = {name: layer for name, layer in net.layers.items() if not is_built_in(layer)}
    try:
        about = json.loads(json.dumps(header))
        check_architecture(about, kinds, UNLIMITED, as_user_classes([type(a) for a in others.values()], "it"))
        if others:
            tensors = tensors_of(net)
            for entry in about["architecture"]:
                if (name := entry["name"]) in others:
                    check_restored(entry, others[name], {a: tensors[f"{name}.{a}"] for a in entry["arrays"]})
            _check_user_outputs(net, UNLIMITED)
    except (TypeError, ValueError) as error:
        raise ValueError(f"a file cannot hold this network: {error}") from error
    return header


def check_network(
    about: Mapping[str, Any],
    kinds: Mapping[str, ArrayKind],
    path: str | Path,
    largest_output: int,
    user_classes: Mapping[str, type[Any]] | None,
) -> None:
    """Refuse a header that does not describe a network with these arrays."""
    if about.get("format") != FORMAT:
        raise ModelFileError(f"{path}: expected the format {FORMAT!r}, found {shown(about.get('format'))}")
    try:
        check_architecture(about, kinds, largest_output, user_classes)
    except ValueError as error:
        raise ModelFileError(f"{path}: {error}") from error


def network_from(tensors: Mapping[str, Array], about: Mapping[str, Any], path: str | Path, k: Backend) -> Network:
    """Rebuild a network of nnpg's own layers from the arrays and the header of a file."""
    check_network(about, {name: ArrayKind(a.shape, a.dtype) for name, a in tensors.items()}, path, LARGEST_OUTPUT, {})
    return _network(tensors, about, k, {})


def _network(
    tensors: Mapping[str, Array], about: Mapping[str, Any], k: Backend, user_classes: Mapping[str, type[Any]]
) -> Network:
    """Return the network of a header that has been checked."""
    layers = layers_from_json(about, {name: k.asarray(a) for name, a in tensors.items()}, user_classes)
    return Network(layers, tuple(about["input_shape"]), k)


def _check_user_outputs(net: Network, largest_output: int) -> None:
    if not all(map(is_built_in, net.layers.values())):
        check_user_outputs(net.layers, net.input_shape, largest_output, net.dtype, net.backend)


def _kinds(header: Header) -> dict[str, ArrayKind]:
    return {entry.name: ArrayKind(entry.shape, entry.dtype.newbyteorder("=")) for entry in header.entries}
