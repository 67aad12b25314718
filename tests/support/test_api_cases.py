"""A fixed part of the finder's cases: what callers give by mistake is answered rightly or refused in clear words."""

from __future__ import annotations

import numpy as np
import pytest
from fuzz import wrong_values as w
from fuzz.api_cases import Case, cases, judge
from fuzz.calls import calls
from fuzz.calls.call import call

import nnpg
from nnpg import jobs

EVERY = 12  # of which one case runs here; `make fuzz` runs all


def test_a_fixed_part_of_all_cases_has_no_finding() -> None:
    findings = [
        f"{case}: {verdict.words}" for case in list(cases())[::EVERY] if (verdict := judge(case)).kind == "finding"
    ]
    assert not findings, "\n".join(findings)


def test_every_public_function_has_a_call() -> None:
    tried = {one.function.__qualname__ for one in calls()}
    modules = nnpg, nnpg.attacks, nnpg.data, jobs, nnpg.plots, nnpg.rankings
    things = {name: getattr(module, name) for module in modules for name in module.__all__ if name not in RESULTS}
    missing = [n for n, thing in things.items() if callable(thing) and not {n, thing.__qualname__} & tried]
    assert not missing, f"add a call of {', '.join(missing)} in tests/fuzz/calls/, or what is only returned to RESULTS"


# What functions return, what is raised, names of types, protocols, and layers without arguments: nobody makes them
# with arguments that are judged there. (What a panel of a figure holds is judged by the figure.)
RESULTS = {
    "Cell", "ClassMask", "CompilationReport", "DataError", "Depth", "Distorted", "Epoch", "Explanation", "Filter",
    "FilterScores", "Flatten", "GradientCheckError", "GradientReport", "Intervention", "KilledError", "Knockout",
    "LBFGSTraining", "Layer", "Limits", "Lines", "MaskOutcome", "Masker", "Measured", "ModelFileError", "NotCompiled",
    "NotCompiledError", "NotWrittenError", "CompiledError", "Outcome", "Pairs", "Panel", "Plane", "PredictionGradient",
    "ReLU", "Sigmoid", "Softmax", "Stepped", "Sweep", "Tanh", "Trace", "Training", "TrainingDiverged", "load_backend",
    "require_compiled", "use_threads",
}  # fmt: skip


# The judge itself


def answering(value: object) -> object:
    return value


def clear(value: object) -> object:
    raise ValueError(f"value must be right, not {value}")


def one(function: object, trial: w.Trial, plain: object = 1) -> Case:
    kinds = {"value": lambda valid: [trial]}
    return Case(call(function, value=plain, kinds=kinds), "value", trial)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("function", "trial", "kind", "words"),
    [
        (answering, w.Trial("wrong", 2), "finding", "answered 2"),
        (answering, w.Trial("the same", np.int64(1), w.SAME), "right", ""),
        (answering, w.Trial("not the same", 2, w.SAME), "finding", "and 1 to the plain value"),
        (answering, w.Trial("like another", 2.0, 2), "right", ""),
        (clear, w.Trial("wrong", 2), "finding", "not raised by the library"),  # this file is not the library's
        (lambda value: value.shape, w.Trial("wrong", 2), "finding", "AttributeError"),
        (lambda value: nnpg.SGD(value), w.Trial("wrong", 0), "finding", "does not name value"),
    ],
)
def test_the_judge_tells_answers_from_refusals(function: object, trial: w.Trial, kind: str, words: str) -> None:
    verdict = judge(one(function, trial))
    assert verdict.kind == kind
    assert words in verdict.words


def test_the_judge_takes_a_clear_refusal_by_the_library() -> None:
    refused = Case(
        call(nnpg.SGD, skip=("momentum", "decay", "lr_decay"), kinds={"lr": w.positive}, lr=0.1),
        "lr",
        w.Trial("zero", 0),
    )
    assert judge(refused).kind == "clear"
    assert judge(refused._replace(trial=w.Trial("zero", 0, w.SAME))).kind == "finding"
