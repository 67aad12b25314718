"""The sources of a resident training: no races, and without any one barrier or test they fail their checks."""

from __future__ import annotations

from importlib.resources import files

import pytest
from kernel_mutants import Mutant, mutants
from trainings import PROGRAMS, RECIPES, check, compiled_from, example, fresh_step

import nnpg
from nnpg.programs.plan import plan_of

pytestmark = [pytest.mark.gpu, pytest.mark.emulated("a fault may end a device's process")]

FILES = ("gradient.cuh", "loss.cuh", "train.cu", "update.cu", "many.cu")
TWO = [(name, "two launches", 3) for name in RECIPES]
ONE = [(name, program, 3) for program in ("block", "cluster") for name in RECIPES]
CHECKS = dict.fromkeys(FILES, TWO) | {"gradient.cuh": [*TWO, *ONE], "loss.cuh": [*TWO, ("rows", "cluster", 3)]}
CHECKS["many.cu"] = ONE
CHECKS["network.cuh"] = [(name, "cluster", 3) for name in RECIPES]
SAME = "all threads would write the same number"
SURVIVORS: dict[str, dict[str, str]] = {
    "gradient.cuh": {
        "group > 0 -> true": "one barrier more",
        "G::DEAD -> true": "a product with 0 adds nothing",
        "K::ACT == 2 -> true": "a product with 0 adds nothing",
        "c < K::C -> true": "what is read in place of zeros is added to nothing",
    },
    "loss.cuh": {
        "lane == 0 -> true": SAME,
        "wrong -> true": "of attacks: test_resident_mutants.py",
    },
    "train.cu": {"blockIdx.x == 0 -> true": SAME, "threadIdx.x == 0 -> true": SAME},
    "update.cu": {"blockIdx.x == 0 -> true": SAME, "threadIdx.x == 0 -> true": SAME},
}


def text_of(file: str) -> str:
    folder = files("nnpg_kernels.cuda.resident")
    return (folder / file if file in ("loss.cuh", "network.cuh") else folder / "training" / file).read_text()


def noticed(file: str, mutant: Mutant) -> bool:
    """Whether the checks notice a mutant of a file."""
    from emulator import EmulationError

    def change(source: str) -> str:
        assert text_of(file) in source
        return source.replace(text_of(file), mutant.text)

    barrier = mutant.before.endswith("();")
    with compiled_from(change, races=barrier):
        try:
            for name, program, batch in CHECKS[file]:
                check(name, program, batch)
        except (EmulationError, AssertionError, nnpg.TrainingDiverged):
            return True
    return False


def test_the_examples_have_all_that_a_convolution_can_have() -> None:
    """Several groups of channels and of places of the window; sums in parts, and sums that are whole."""
    nets = [example(name)[0] for name in list(RECIPES)[:2]]
    steps = [fresh_step(net, plan_of(net)) for net in nets]
    parts = [line for step in steps for line in step.text.splitlines() if "PARTS" in line]
    assert parts == [f"    static constexpr int PARTS[] = {{{n}}};" for n in ("1, 1, 1, 1", "2, 1")]
    assert "TAP_GROUPS[] = {2, 1, 1, 1}" in steps[0].text
    assert "EACH[] = {6, 1, 1, 1}" in steps[0].text  # of 17 channels, in 3 groups


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("program", PROGRAMS)
def test_no_two_threads_read_and_write_a_number_without_a_barrier_between(name: str, program: str) -> None:
    with compiled_from(lambda source: source, races=True):
        check(name, program)


@pytest.mark.mutants
def test_every_mutant_of_what_teams_of_blocks_share_is_noticed() -> None:
    """Limits of their tasks, and their barrier: no other program has teams."""
    of_teams = [one for one in mutants(text_of("network.cuh")) if one.before.startswith(("min(", "cluster_sync"))]
    assert len(of_teams) == 3
    assert [str(mutant) for mutant in of_teams if not noticed("network.cuh", mutant)] == []


@pytest.mark.mutants
@pytest.mark.parametrize("file", FILES)
def test_every_mutant_of_a_source_is_noticed(file: str) -> None:
    survivors = [(mutant.line, str(mutant)) for mutant in mutants(text_of(file)) if not noticed(file, mutant)]
    expected_ones = SURVIVORS.get(file, {})
    assert [survivor for survivor in survivors if survivor[1] not in expected_ones] == [], "nothing notices these"
    assert set(expected_ones) <= {name for _, name in survivors}, "these are noticed: take them out of SURVIVORS"
