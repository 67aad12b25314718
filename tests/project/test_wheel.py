"""The wheel, unpacked and used without the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

from nnpg_kernels.cuda.sources import HEADERS, LAYERS, source

CHECKOUT = Path(__file__).parents[2]
EXPLORER = CHECKOUT / "nnpg" / "explorer"
TUTORIALS = sorted((CHECKOUT / "nnpg" / "tutorials").glob("*.md"))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    (wheel,) = WheelBuilder(str(CHECKOUT)).build(directory=str(folder))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site-packages")
    return folder / "site-packages"


def run(installed: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(installed), "COLUMNS": "200"}
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=installed.parent, env=environment, capture_output=True, text=True, timeout=120)


def parts_of_the_page() -> list[str]:
    parts = [path for path in EXPLORER.rglob("*") if path.suffix in (".js", ".html", ".css")]
    return [path.relative_to(EXPLORER).as_posix() for path in parts]


def test_its_packages_are_those_of_the_library_alone(installed: Path) -> None:
    """A wheel that installed a package called `experiments` or `tests` would replace another project's."""
    assert {path.name for path in installed.iterdir() if path.suffix != ".dist-info"} == {
        "nnpg", "nnpg_command", "nnpg_kernels",
    }  # fmt: skip


def test_it_runs_without_the_checkout(installed: Path) -> None:
    answer = run(installed, "-c", "import nnpg, nnpg_kernels; print(nnpg.__file__, nnpg_kernels.__file__)")
    assert answer.stderr == ""
    assert all(path.startswith(str(installed)) for path in answer.stdout.split())


def test_it_holds_the_cuda_sources(installed: Path) -> None:
    answer = run(installed, "-c", "from nnpg_kernels.cuda.sources import source; print(source())")
    assert answer.stdout.rstrip("\n") == source().rstrip("\n")


def test_it_holds_what_the_page_of_the_explorer_is_made_of(installed: Path) -> None:
    assert {"layers.js", "engine.js", "document.js"} <= set(parts_of_the_page())
    for name in parts_of_the_page():
        assert (installed / "nnpg/explorer" / name).read_bytes() == (EXPLORER / name).read_bytes()


def test_it_copies_the_tutorials(installed: Path) -> None:
    answer = run(installed, "-m", "nnpg", "tutorials", "--to", "copies")
    assert answer.stderr == ""
    assert [Path(line.removeprefix("wrote ")).name for line in answer.stdout.splitlines()] == [
        f.name for f in TUTORIALS
    ]
    assert all((installed.parent / "copies" / file.name).read_bytes() == file.read_bytes() for file in TUTORIALS)


def test_its_help_says_how_to_run_the_experiments(installed: Path) -> None:
    """`python -m experiments` alone ends in "No module named experiments"."""
    answer = run(installed, "-m", "nnpg", "--help")
    words = " ".join(answer.stdout.split())
    assert "experiments (python -m experiments list) are not part of the installed package: run them in a" in words
    assert "checkout or an unpacked source distribution of this project." in words


def test_the_source_distribution_holds_what_is_run_and_copied_from_it() -> None:
    files = {file.distribution_path for file in SdistBuilder(str(CHECKOUT)).recurse_included_files()}
    assert {"experiments/__main__.py", "experiments/catalogue.py"} <= files
    assert {f"kernels/nnpg_kernels/cuda/{name}" for name in (*HEADERS, *LAYERS)} <= files
    assert {f"nnpg/explorer/{name}" for name in parts_of_the_page()} <= files
    assert {f"nnpg/tutorials/{file.name}" for file in TUTORIALS} <= files
