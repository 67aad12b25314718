"""Networks on disk: safetensors, with the architecture and where it came from as JSON in the header. No pickle.

A file appears whole or not at all, loads to the same bits, and is refused in words when it is not what it should be.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nnpg.atomic import atomic_write
from nnpg.layers import LAYERS, arrays, hyper_parameters
from nnpg.network import Network
from nnpg_kernels import Array, Backend, load

FORMAT = "nnpg-network-1"


class ModelFileError(Exception):
    """A file is not a network that this version can load. The message names file, expected and found."""


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
        If the network has interventions or layers that are not nnpg's own; neither can be rebuilt from a file.

    Examples
    --------
    >>> import tempfile, nnpg
    >>> net = nnpg.build([nnpg.dense(3)], input_shape=(2,), rng=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     same = load_network(save(net, Path(folder) / "net.safetensors", {"seed": 0}))
    >>> bool((same.layers["dense1"].W == net.layers["dense1"].W).all())
    True
    """
    return write_tensors(path, tensors_of(net), header_of(net) | {"provenance": provenance or {}})


def load_network(path: str | Path, backend: str = "auto") -> Network:
    """Read a network that `save` wrote.

    Raises
    ------
    FileNotFoundError
    ModelFileError
        If the file is damaged, of another kind or version, or its arrays do not fit its architecture.
    """
    tensors, header = read_tensors(path)
    return network_from(tensors, header, path, load(backend))


def describe(path: str | Path) -> dict[str, Any]:
    """Return the header of a network's file: format, input_shape, architecture, provenance."""
    return _checked(read_tensors(path)[1], path)


def tensors_of(net: Network) -> dict[str, Array]:
    """Return every array of a network by its name in the file, "conv1.W"."""
    to_numpy = net.backend.to_numpy
    return {f"{name}.{n}": to_numpy(a) for name, layer in net.layers.items() for n, a in arrays(layer).items()}


def header_of(net: Network) -> dict[str, Any]:
    """Return what rebuilds a network around its arrays."""
    if net.interventions:
        raise ValueError(f"this network has interventions on {', '.join(net.interventions)}: save the one without them")
    for name, layer in net.layers.items():
        if LAYERS.get(type(layer).__name__) is not type(layer):
            raise ValueError(
                f"layer {name!r} is a {type(layer).__name__}, which a file cannot name: add it to nnpg.layers.LAYERS"
            )
    architecture = [
        {"name": name, "layer": type(layer).__name__, **hyper_parameters(layer), "arrays": sorted(arrays(layer))}
        for name, layer in net.layers.items()
    ]
    return {"format": FORMAT, "input_shape": list(net.input_shape), "architecture": architecture}


def network_from(tensors: Mapping[str, Array], header: Mapping[str, Any], path: str | Path, k: Backend) -> Network:
    """Rebuild a network from what a file holds."""
    header = _checked(header, path)
    layers, used = {}, set()
    for entry in header["architecture"]:
        entry = dict(entry)
        name, kind, own = entry.pop("name"), entry.pop("layer"), entry.pop("arrays")
        if kind not in LAYERS:
            raise ModelFileError(f"{path}: layer {name!r} is a {kind!r}; this version knows {', '.join(LAYERS)}")
        missing = [n for n in own if f"{name}.{n}" not in tensors]
        if missing:
            raise ModelFileError(f"{path}: layer {name!r} should have the array {missing[0]!r}, which the file lacks")
        values = {n: k.asarray(tensors[f"{name}.{n}"]) for n in own}
        settings = {n: tuple(v) if isinstance(v, list) else v for n, v in entry.items()}
        try:
            layers[name] = LAYERS[kind](**values, **settings)
        except (TypeError, ValueError) as error:
            raise ModelFileError(f"{path}: layer {name!r} cannot be rebuilt as a {kind}: {error}") from error
        used |= {f"{name}.{n}" for n in own}
    extra = set(tensors) - used
    if extra:
        raise ModelFileError(f"{path}: no layer of the architecture owns the array {sorted(extra)[0]!r}")
    net = Network(layers, tuple(header["input_shape"]), k)
    try:
        net.forward(np.zeros((1, *net.input_shape), net.dtype))
    except ValueError as error:
        raise ModelFileError(f"{path}: the arrays do not fit the architecture: {error}") from error
    return net


def write_tensors(path: str | Path, tensors: Mapping[str, Array], header: Mapping[str, Any]) -> Path:
    """Write arrays and a JSON header as one safetensors file, whole or not at all."""
    from safetensors.numpy import save as to_bytes

    data = to_bytes({n: np.ascontiguousarray(a) for n, a in tensors.items()}, {"nnpg": json.dumps(header)})
    with atomic_write(path) as out:
        out.write(data)
    return Path(path)


def read_tensors(path: str | Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """Read what `write_tensors` wrote."""
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}: train a network first (nnpg train --save {path}) or check the path")
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is not a mapping)
    except SafetensorError as error:
        raise ModelFileError(f"{path}: not a safetensors file, or only a part of one ({error})") from error
    if "nnpg" not in metadata:
        raise ModelFileError(f"{path}: a safetensors file, but without nnpg's header: nnpg did not write it")
    return tensors, json.loads(metadata["nnpg"])


def _checked(header: Mapping[str, Any], path: str | Path) -> dict[str, Any]:
    if header.get("format") != FORMAT:
        raise ModelFileError(f"{path}: expected the format {FORMAT!r}, found {header.get('format')!r}")
    return dict(header)
