"""The resident sources without any one barrier, bounds test or tail test: the emulator or the layers notice.

A survivor is listed with its reason. A barrier that nothing misses is no survivor: it is deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from typing import Any
from unittest import mock

import pytest
from emulator import COMPILER, CompilationError, EmulationError, compile_source
from kernel_mutants import CHOSEN, Mutant, mutants, with_every_mutant
from resident.checks import CHECKS, check_predictions, check_victims, network
from stand_in.cuda import RawKernel

import nnpg
from nnpg_kernels.cuda.resident.numbers import Numbers
from nnpg_kernels.cuda.resident.programs import shared_bytes
from nnpg_kernels.cuda.resident.sources import KERNELS, name_of, resident_source

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.emulated("a device runs no source with a fault"),
    pytest.mark.skipif(COMPILER is None, reason="needs g++"),
]

FILES = ("network.cuh", "forward.cuh", "backward.cuh", "seeds.cuh", "several.cuh", *dict.fromkeys(KERNELS.values()))
ALL = dict.fromkeys(check for checks in CHECKS.values() for check in checks)
SLOW = (check_predictions, check_victims)  # compile many kernels
FASTER = "saves time: the result is the same"
OF_TEAMS = (
    "cluster_sync(); -> nothing",
    "min(all, int(cluster_rank() % Net::TEAM) * each) -> all",
    "min(each, all - first) -> each",
)
SURVIVORS: dict[str, dict[str, str]] = {
    "backward.cuh": {
        "S * sizeof(T) < 16 -> true": "a load reads 16 bytes at most, whatever the alignment is",
        "K::TAPS < 255 -> true": "no network of the checks has windows of 255 pixels",
        "j % K::DW == 0 -> true": "no network of the checks has a dilation along the columns",
    },
    "forward.cuh": {"!K::OUTSIDE -> false": FASTER, "!padded -> false": FASTER},
    "network.cuh": {
        "ROWS * COLUMNS <= 64 -> true": "pixels are read into registers first: the result is the same",
        **dict.fromkeys(OF_TEAMS, "is for several blocks: test_training_kernels.py"),
    },
    "gradients.cu": {"min(count, first + each) -> count": FASTER},
    "knockout.cu": {
        "threadIdx.x < 32 -> true": FASTER,
        "threadIdx.x == 0 -> true": "all threads write the same number",
        "B >= from -> true": FASTER,
        "t < (part + 1) * each -> true": FASTER,
    },
    "several.cuh": {"S < 8 -> true": FASTER},
    "victim.cu": {
        "threadIdx.x < 32 -> true": FASTER,
        "tells -> true": "the parts of an image write the same numbers",
        "s < many -> true": "what goes back for seeds behind the last one is not kept",
        "min(seeds, first + each) -> seeds": FASTER,
    },
}


def text_of(file: str) -> str:
    return (files("nnpg_kernels.cuda") / "resident" / file).read_text()


@contextmanager
def compiled_as(
    change: Callable[[str], str], *, races: bool = False, orders: Sequence[int] = (0, 1, 2, 3)
) -> Iterator[list[Any]]:
    """Let the sources of all resident programs be changed; those that are changed end afterwards, and are yielded."""
    kept: dict[tuple[str, str], RawKernel] = {}
    faulty: list[Any] = []

    def compiled(xp: Any, made: Numbers, kernel: str) -> RawKernel:
        if (made.text, kernel) not in kept:
            text, name = resident_source(kernel, made.text), name_of(kernel)
            changed = change(text)
            compile_it = compile_source if changed == text else compile_source.__wrapped__
            function = compile_it(changed, (name,), races=races)[name]
            faulty.extend([function.program] if changed != text else [])
            kept[made.text, kernel] = RawKernel(function)
            kept[made.text, kernel].max_dynamic_shared_size_bytes = max(48 << 10, shared_bytes(made, kernel))
        return kept[made.text, kernel]

    with (
        mock.patch("nnpg_kernels.cuda.resident.programs.compiled", compiled),
        mock.patch("stand_in.cuda.ORDERS", orders),
    ):
        try:
            yield faulty
        finally:
            for program in faulty:
                program.discard()


def noticed(file: str) -> bool:
    """Whether the checks of a file fail."""
    try:
        for check in CHECKS[file]:
            check()
    except (EmulationError, AssertionError):
        return True
    return False


def noticed_by_itself(file: str, mutant: Mutant, *, races: bool) -> bool:
    """Whether the checks of a file notice a mutant of it; one that does not compile is an error here.

    With `races`, two threads that read and write the same number are noticed, even if all results are right.
    """
    with compiled_as(lambda text: text.replace(text_of(file), mutant.text), races=races):
        return noticed(file)


def is_barrier(mutant: Mutant) -> bool:
    return mutant.before.endswith("();")


def survivors_of(file: str, monkeypatch: pytest.MonkeyPatch) -> list[Mutant]:
    """Return barriers without which there is no race, and the other mutants with which all results are right.

    The latter are tried with a source that is each of them in turn.
    """
    barriers = [one for one in mutants(text_of(file)) if is_barrier(one)]
    survivors = [one for one in barriers if not noticed_by_itself(file, one, races=True)]
    every = CHOSEN + with_every_mutant(text_of(file))
    monkeypatch.setenv("NNPG_MUTANT", "-1")
    with compiled_as(lambda text: text.replace(text_of(file), every)) as faulty:
        try:
            assert not noticed(file), "without a mutant, the checks pass"
        except CompilationError:  # some decide what is compiled
            others = [one for one in mutants(text_of(file)) if not is_barrier(one)]
            return survivors + [one for one in others if not noticed_by_itself(file, one, races=False)]
        for n, mutant in enumerate(mutants(text_of(file))):
            monkeypatch.setenv("NNPG_MUTANT", str(n))
            for program in faulty:
                program.close()
            if not is_barrier(mutant) and not noticed(file):
                survivors.append(mutant)
    return survivors


@pytest.mark.parametrize("name", ["tiles", "maps"])
def test_the_networks_of_the_checks_have_all_programs(name: str) -> None:
    report = nnpg.compilation_report(network(name, "cupy")).to_dict()
    tasks = ("predict", "prediction_gradient", "class_gradient", "knock_out_curve")
    assert all(report[task] == "compiled" for task in tasks)
    assert name == "maps" or report["minimal_distortion"] == "compiled"


@pytest.mark.parametrize("check", [pytest.param(one, marks=pytest.mark.slow) if one in SLOW else one for one in ALL])
def test_no_two_threads_read_and_write_a_number_without_a_barrier_between(check: Callable[[], None]) -> None:
    """In two orders, one the reverse of the other: what no barrier divides is a race whichever thread goes first."""
    with compiled_as(lambda text: text, races=True, orders=(0, 1)):
        check()


@pytest.mark.mutants
@pytest.mark.parametrize("file", FILES)
def test_every_mutant_of_a_resident_source_is_noticed(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    survivors, expected = survivors_of(file, monkeypatch), SURVIVORS.get(file, {})
    others = [one for one in survivors if str(one) not in expected]
    unnoticed = [one for one in others if is_barrier(one) or not noticed_by_itself(file, one, races=True)]
    assert [(one.line, str(one)) for one in unnoticed] == [], "nothing notices these, not even as a race"
    assert set(expected) <= set(map(str, survivors)), "these are noticed: take them out of SURVIVORS"


@pytest.mark.mutants
def test_an_attack_notices_a_loss_that_always_writes_errors() -> None:
    """A training has a place for them; the other mutants of a loss are those of a training."""
    (mutant,) = (one for one in mutants(text_of("loss.cuh")) if str(one) == "wrong -> true")
    assert noticed_by_itself("loss.cuh", mutant, races=False)


def test_a_missing_barrier_of_the_way_back_is_noticed() -> None:
    barrier = next(mutant for mutant in mutants(text_of("backward.cuh")) if is_barrier(mutant))
    assert noticed_by_itself("backward.cuh", barrier, races=True)
