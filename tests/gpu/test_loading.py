"""`load("cupy")` where something is missing: one ImportError that says what, and what to install."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

import nnpg
from nnpg.cli import app
from nnpg_kernels import load


class RuntimeFailure(Exception):
    """What CuPy raises where CUDA fails."""


def cupy_with(driver: int, devices: int, toolkit: int = 13000, version: str = "14.2.0") -> Any:
    """A module of CuPy on a machine with this driver and so many devices."""

    def count() -> int:
        if not devices:
            raise RuntimeFailure("cudaErrorNoDevice: no CUDA-capable device is detected")
        return devices

    runtime = SimpleNamespace(
        driverGetVersion=lambda: driver,
        runtimeGetVersion=lambda: toolkit,
        getDeviceCount=count,
        CUDARuntimeError=RuntimeFailure,
    )
    return SimpleNamespace(__version__=version, cuda=SimpleNamespace(runtime=runtime))


@pytest.mark.parametrize(
    ("module", "says"),
    [
        (None, r"needs CuPy, which cannot be imported .*install nnpg\[cuda12\] for a driver of CUDA 12"),
        (cupy_with(13000, 1, version="13.6.0"), r"needs CuPy 14, not 13.6.0: install nnpg\[cuda12\]"),
        (cupy_with(0, 0), "there is no driver of one: install NVIDIA's driver"),
        (
            cupy_with(13000, 0),
            r"CUDA finds none \(cudaErrorNoDevice.*: install NVIDIA's driver, make the device visible",
        ),
        (cupy_with(12040, 1), r"the driver is too old .*knows CUDA 12.4.*built for CUDA 13.0.*nnpg\[cuda12\] instead"),
    ],
)
def test_an_import_error_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, module: Any, says: str) -> None:
    monkeypatch.setitem(sys.modules, "cupy", module)
    monkeypatch.delitem(sys.modules, "nnpg_kernels.cupy_backend", raising=False)
    with pytest.raises(ImportError, match=says):
        load("cupy")
    net = nnpg.build([nnpg.dense(3)], input_shape=(2,), rng=0, backend="numpy")
    with pytest.raises(ImportError, match=says):
        net.to("cupy")


def test_a_driver_of_the_same_version_with_an_older_minor_number_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    module = cupy_with(13000, 1, toolkit=13020)
    monkeypatch.setitem(sys.modules, "cupy", module)
    monkeypatch.delitem(sys.modules, "nnpg_kernels.cupy_backend", raising=False)
    assert load("cupy").xp is module
    del sys.modules["nnpg_kernels.cupy_backend"]


@pytest.mark.gpu
def test_auto_is_never_a_device() -> None:
    assert load("cupy").name == "cupy"
    assert load("auto").name in ("numba", "numpy")


@pytest.mark.gpu
def test_the_command_info_says_which_device_there_is() -> None:
    facts = json.loads(CliRunner().invoke(app, ["info", "--json"]).stdout)
    assert facts["backends"]["cupy"] == "available"
    device = facts["device of cupy"]
    assert device["memory_gb"] >= device["memory_free_gb"] > 0
    assert device["driver"].startswith("CUDA 1")
    assert device["cupy"].startswith("14.")


def test_the_command_info_says_why_there_is_no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.delitem(sys.modules, "nnpg_kernels.cupy_backend", raising=False)
    facts = json.loads(CliRunner().invoke(app, ["info", "--json"]).stdout)
    assert facts["backends"]["cupy"].startswith("not here: the backend 'cupy' needs CuPy")
    assert "device of cupy" not in facts
