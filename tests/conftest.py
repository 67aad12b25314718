"""What every test may use: the real data's folder, every backend, and the rules for slow tests and devices."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

# No test may need a display; set before anything can import matplotlib.
os.environ.setdefault("MPLBACKEND", "Agg")
# A shell that starts the tests in the background lets them ignore Ctrl-C, which some of them send.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import pytest
from selection import WITH_DEVICE

from nnpg_kernels import Backend, load

# Seconds: many times what the slowest test takes. Less than `faulthandler_timeout` of pyproject.toml.
LIMIT_OF_SLOW_TESTS = 600


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="also run the tests marked slow: together they take minutes")
    parser.addoption("--mutants", action="store_true", help="also run the tests marked mutants: each takes minutes")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    without_data = pytest.mark.skip(reason="needs the real data: set NNPG_DATA to its folder")
    cuda = os.environ.get("NNPG_CUDA")
    no_cuda = pytest.mark.skip(
        reason="needs NNPG_CUDA=emulated (as in make test), or NNPG_CUDA=device where there is one"
    )
    no_compiler = pytest.mark.skip(reason="needs g++, for the emulator")
    no_browser = pytest.mark.skip(reason="needs Chromium: make browser")
    too_slow = pytest.mark.skip(reason="slow: run with --slow")
    of_minutes = pytest.mark.skip(reason="minutes for each source: run with --mutants")
    for item in items:
        if item.get_closest_marker("data") and not os.environ.get("NNPG_DATA"):
            item.add_marker(without_data)
        if item.get_closest_marker("browser") and not os.environ.get("NNPG_BROWSER"):
            item.add_marker(no_browser)
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.timeout(LIMIT_OF_SLOW_TESTS) if config.getoption("--slow") else too_slow)
        if item.get_closest_marker("mutants"):
            item.add_marker(pytest.mark.timeout(0) if config.getoption("--mutants") else of_minutes)
        if item.get_closest_marker("gpu"):
            if not cuda:
                item.add_marker(no_cuda)
            elif cuda == "emulated" and shutil.which("g++") is None:
                item.add_marker(no_compiler)
        for only in {"emulated", "device"} - {cuda}:
            mark = item.get_closest_marker(only)
            if mark is not None:
                item.add_marker(pytest.mark.skip(reason=f"runs only {only}: {mark.args[0]}"))


@pytest.fixture(scope="session", autouse=True)
def compiling_alone() -> Iterator[None]:
    """The processes of pytest-xdist keep all cores busy: none of them starts others to compile kernels."""
    with ExitStack() as stack:
        if "PYTEST_XDIST_WORKER" in os.environ:
            stack.enter_context(mock.patch("nnpg_kernels.numba.runtime.together.MOST", 1))
        yield


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of the real data sets, from NNPG_DATA; tests that use it are marked ``data``."""
    folder = os.environ.get("NNPG_DATA")
    if not folder:
        pytest.skip("needs the real data: set NNPG_DATA to its folder")
    return Path(folder)


@pytest.fixture(params=WITH_DEVICE)
def backend(request: pytest.FixtureRequest) -> Backend:
    """Every backend in turn, that of a device included; the tests that use it hold for each."""
    return load(request.param)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Chromium of the system, driven by Playwright."""
    from playwright.sync_api import sync_playwright

    found = shutil.which("chromium") or shutil.which("chromium-browser")
    assert found, "needs Chromium: on Debian and Ubuntu, install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()
