"""Every public function with what callers give by mistake: the right answer, or one clear error, or a finding.

    python -m fuzz.api_cases                     all cases, and how many are what
    python -m fuzz.api_cases train predict       those of the functions whose names hold one of these words

A clear error is a ValueError, TypeError, KeyError or IndexError (or an error class of the library) that a `raise` of
the library makes on purpose and that names the argument, what was expected and what was given. All else is a finding:
an answer to what is wrong, another answer to what is right, an error of Python or NumPy, a warning.
"""

from __future__ import annotations

import dataclasses
import inspect
import linecache
import re
import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import nnpg
from fuzz.calls import calls
from fuzz.calls.call import KINDS, Call
from fuzz.wrong_values import EITHER, SAME, WRONG, Trial
from nnpg.data import DataError

CLEAR = (ValueError, TypeError, KeyError, IndexError, DataError, FileNotFoundError, nnpg.GradientCheckError)
ROOTS = tuple(str(Path(module.__file__ or "").parent) for module in (nnpg, sys.modules["nnpg_kernels"]))
SAYS = re.compile(r"\b(not|but|found|no|is|are|holds|need|needs|cannot)\b")


class Case(NamedTuple):
    """One call with one argument exchanged."""

    call: Call
    argument: str
    trial: Trial

    def __str__(self) -> str:
        return f"{self.call.name}({self.argument}={self.trial.words})"


class Verdict(NamedTuple):
    """The outcome of a case: "right", "clear" or "finding", and a description."""

    kind: str
    words: str


def cases(only: tuple[str, ...] = ()) -> Iterator[Case]:
    """All cases, in a fixed order; those of the named functions if any are named."""
    for call in calls():
        if only and not any(word in call.name for word in only):
            continue
        for argument, kind in call.kinds.items():
            default = _default(call, argument)
            for trial in kind(call.plain.get(argument, default)):
                if trial.value is not None or default is not None:  # None stands for the default of some
                    yield Case(call, argument, trial)


def _default(call: Call, argument: str) -> Any:
    """The default of an argument; that of one that has none is nothing in particular."""
    parameter = inspect.signature(call.function).parameters.get(argument)
    return inspect.Parameter.empty if parameter is None else parameter.default


def judge(case: Case) -> Verdict:
    """Call, and say whether the answer, or the refusal, is as it should be."""
    call, argument, trial = case
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            answer = call.run({argument: trial.value})
    except Exception as error:  # which it is decides the verdict
        return _refused(case, error)
    if trial.like is WRONG:
        return Verdict("finding", f"answered {_short(answer)}")
    if trial.like is EITHER:
        return Verdict("right", "")
    plain = call.run({} if trial.like is SAME else {argument: trial.like})
    if not same(answer, plain):
        return Verdict("finding", f"answered {_short(answer)}, and {_short(plain)} to the plain value")
    return Verdict("right", "")


def _refused(case: Case, error: Exception) -> Verdict:
    message = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    words = f"{type(error).__name__}: {message[:160]}"
    frame = traceback.extract_tb(error.__traceback__)[-1]
    line = linecache.getline(frame.filename, frame.lineno or 0).strip()
    at = f" ({Path(frame.filename).name}:{frame.lineno})"
    if not isinstance(error, CLEAR):
        return Verdict("finding", words + at)
    if not frame.filename.startswith(ROOTS) or not line.startswith("raise"):
        return Verdict("finding", f"not raised by the library: {words}{at}")
    named = [case.argument, *case.call.words.get(case.argument, ())]
    if not any(re.search(rf"\b{re.escape(name)}\b", message) for name in named) or not SAYS.search(message):
        return Verdict("finding", f"does not name {case.argument} or does not say what is wrong: {words}{at}")
    if case.trial.like is SAME:
        return Verdict("finding", f"refused what is right: {words}{at}")
    return Verdict("clear", words)


def same(a: Any, b: Any) -> bool:
    """Whether two answers are the same, rounding aside; of figures and functions only the kind is compared."""
    if isinstance(a, nnpg.Epoch):
        return same(tuple(a)[:4], tuple(b)[:4])  # the last one is the time that it took
    if isinstance(a, Mapping):
        return isinstance(b, Mapping) and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, nnpg.Network):
        return same({n: dict(p) for n, p in a.parameters.items()}, {n: dict(p) for n, p in b.parameters.items()})
    if dataclasses.is_dataclass(a) and not isinstance(a, type):
        names = [field.name for field in dataclasses.fields(a)]
        return type(a) is type(b) and all(same(getattr(a, n), getattr(b, n)) for n in names)
    if isinstance(a, np.ndarray | np.generic | float):
        u, v = np.asarray(a), np.asarray(b)
        if u.dtype.kind in "biufc" and v.dtype.kind in "biufc":
            return u.shape == v.shape and bool(np.allclose(u, v, rtol=1e-4, atol=1e-6, equal_nan=True))
        return u.shape == v.shape and bool((u == v).all())
    if isinstance(a, str | int | bytes | Path | type(None)):
        return bool(a == b)
    return type(a) is type(b)


def _short(value: Any) -> str:
    try:
        return " ".join(repr(value).split())[:100]
    except Exception as error:  # a value that cannot even be printed
        return f"a {type(value).__name__} that cannot be printed ({error})"


def main() -> int:
    """Print the findings and the counts; the exit code says whether there are any findings."""
    counts: Counter[str] = Counter()
    findings: Counter[str] = Counter()
    for case in cases(tuple(sys.argv[1:])):
        verdict = judge(case)
        counts[verdict.kind] += 1
        if verdict.kind == "finding":
            findings[case.call.name] += 1
            print(" ".join(f"{case}: {verdict.words}".split()))
    for name, n in findings.most_common():
        print(f"{n:5} {name}")
    print(
        f"API: {sum(counts.values())} cases, {counts['right']} right answers, {counts['clear']} clear errors, "
        f"{counts['finding']} findings"
    )
    return 1 if counts["finding"] else 0


if __name__ == "__main__":
    assert KINDS  # the kinds that names of arguments stand for
    sys.exit(main())
