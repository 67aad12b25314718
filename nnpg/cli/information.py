"""`nnpg info`: what a model is, and what this machine offers."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

import nnpg
from nnpg.cli.options import JsonOption, print_json
from nnpg.data.locations import data_folder, folder_of_set
from nnpg.files import describe, load_network
from nnpg.programs.reports import compilation_report
from nnpg_command import printable
from nnpg_kernels import BACKENDS

PACKAGES = ("numpy", "scipy", "numba", "matplotlib", "safetensors", "pandas", "cupy-cuda12x", "cupy-cuda13x")


def info(
    model: Annotated[
        Path | None, typer.Argument(metavar="[MODEL]", help="A model's file; without, this machine.")
    ] = None,
    data_dir: Annotated[Path | None, typer.Option("--data-dir", metavar="DIR", help="Where to look for data.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a model is and how it was made; without a model, what this machine offers.

    A model's file holds its layers, its data and how that was split, its training and its errors. Without a model:
    versions, backends, a GPU with its memory and driver, and the data sets that the other commands find.

    Example: `nnpg info faces.safetensors`
    """
    facts = _machine(data_dir) if model is None else _model(model)
    if as_json:
        print_json(facts)
        return
    for line in _lines(facts):
        print(line)


def _model(path: Path) -> dict[str, Any]:
    header, net = describe(path), load_network(path, "numpy")
    compiled = compilation_report(net.to("auto")).to_dict()
    return {
        "file": str(path),
        "bytes": path.stat().st_size,
        "input_shape": list(net.input_shape),
        "classes": net.K if len(net.shapes[net.names[-1]]) == 1 else None,
        "parameters": net.n_parameters,
        "dtype": str(net.dtype),
        "layers": [
            {"name": name, "layer": type(layer).__name__, "output": list(net.shapes[name])}
            for name, layer in net.layers.items()
        ],
        "programs": compiled,
        "provenance": header.get("provenance", {}),
    }


def _machine(data_dir: Path | None) -> dict[str, Any]:
    folder = data_folder(data_dir)
    return {
        "nnpg": nnpg.__version__,
        "python": platform.python_version(),
        "packages": {name: _installed(name) for name in PACKAGES},
        "processors": os.cpu_count(),
        "backends": {name: _state(name) for name in BACKENDS},
        **_devices(),
        "data_folder": str(folder),
        "data": {name: _is_there(folder, *files) for name, files in DATA_FILES.items()},
    }


def _state(backend: str) -> str:
    """Return whether a backend can be used on this machine, and whether "auto" stands for it."""
    try:
        loaded = nnpg.load_backend(backend)
    except (ImportError, ValueError) as error:
        return f"not here: {error}"
    return "used unless --backend says otherwise" if loaded.name == nnpg.load_backend("auto").name else "available"


def _devices() -> dict[str, Any]:
    """Return what the backends say of their devices."""
    facts = {}
    for name in BACKENDS:
        with suppress(ImportError):
            describe = getattr(nnpg.load_backend(name), "describe_device", None)
            if describe is not None:
                facts[f"device of {name}"] = describe()
    return facts


DATA_FILES = {
    "yale": ("yalefaces", "subject01*"),
    "mnist": ("mnist", "train-images*"),
    "cifar10": ("cifar-10-batches-bin", "data_batch_1.bin"),
}


def _is_there(folder: Path, subfolder: str, pattern: str) -> bool:
    return any(folder_of_set(folder, subfolder).glob(pattern))


def _installed(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _lines(value: Any, indent: int = 0) -> list[str]:
    """Return nested values as an indented outline."""
    pad, lines = "  " * indent, []
    for key, v in value.items():
        if isinstance(v, dict):
            lines += [f"{pad}{printable(key)}", *_lines(v, indent + 1)]
        elif key == "layers" and indent == 0:
            lines += [f"{pad}{key}"]
            lines += [f"{pad}  {a['name']:12}{a['layer']:12}{' x '.join(map(str, a['output']))}" for a in v]
        else:
            lines.append(f"{pad}{printable(key).replace('_', ' '):20}{_text(v)}")
    return lines


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return "-" if value is None else printable(str(value))  # a model's file may hold anything
