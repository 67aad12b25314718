"""For each kind of argument, what a caller may give by mistake, and what is only another way to write the right thing.

A kind is a function of the valid value; it returns trials. A trial is a value and what it is like: SAME (the answer is
that of the valid value), WRONG (no answer may come), EITHER (an answer or a refusal), or another value in plain form
whose answer it must equal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import nnpg

SAME, WRONG, EITHER = "same", "wrong", "either"


class Trial(NamedTuple):
    """A value, in words and itself, and what its answer must be like."""

    words: str
    value: Any
    like: Any = WRONG


Kind = Callable[[Any], list[Trial]]


class Thing:
    """An object that is nothing in particular."""


def wrong(*values: Any) -> list[Trial]:
    return [Trial(in_words(v), v) for v in values]


def in_words(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"array {value.dtype} {value.shape}"
    if isinstance(value, nnpg.Network | Thing):
        return f"a {type(value).__name__}"
    return f"{type(value).__name__} {str(value)[:40]}"


def nothing_in_particular() -> list[Trial]:
    """Values that are wrong for every argument that does not take any object."""
    generator = (n for n in range(2))
    return [*wrong(Thing(), Thing, {"a": 1}), Trial("a generator", generator), Trial("a set", {0, 1})]


def number(least: float = -np.inf, most: float = np.inf, *, whole: bool = False, optional: bool = False) -> Kind:
    """A number in a range, ends included."""

    def trials(valid: Any) -> list[Trial]:
        cases = wrong("2", "abc", b"2", True, 1j, float("nan"), float("inf"), [1], (1, 2), np.array([1]))
        cases += nothing_in_particular() + ([] if optional else wrong(None))
        cases += wrong(least - 1) if least > -np.inf else []
        cases += wrong(most + 1, 10**30) if most < np.inf else []
        if valid is not None:
            cases.append(Trial("of NumPy", np.int64(valid) if whole else np.float64(valid), SAME))
        if whole:
            cases += wrong(2.5, float(valid or 1), np.float64(2.0))
        return cases

    return trials


count = number(1, whole=True)
positive = number(0)  # 0 itself is tried apart, where it is no number above 0


def flag(valid: Any) -> list[Trial]:
    return wrong(None, "no", "", 0, 1, 2.5, np.array([True, False])) + nothing_in_particular()


def optional_flag(valid: Any) -> list[Trial]:
    return flag(valid)[1:]


def seed(valid: Any) -> list[Trial]:
    same = [] if isinstance(valid, np.random.Generator) else [Trial("of NumPy", np.int64(valid), SAME)]
    return [
        *same,
        *wrong(None, "0", "abc", 1.5, -1, True, 1j, float("nan"), [0, 1], np.random, np.random.Generator),
        *nothing_in_particular(),
    ]


def optional_seed(valid: Any) -> list[Trial]:
    return [t for t in seed(0 if valid is None else valid) if t.value is not None and t.like is WRONG]


def choice(valid: Any) -> list[Trial]:
    return wrong(None, "sum", "", valid.upper(), 3, True, [valid], b"x") + nothing_in_particular()


def text(valid: Any) -> list[Trial]:
    return wrong(None, 3, ["a"], b"x", np.zeros(2)) + nothing_in_particular()


def names(n: int) -> Kind:
    """`n` strings, where none are needed."""

    def trials(valid: Any) -> list[Trial]:
        right = [f"name {i}" for i in range(n)] if valid is None else list(valid)
        cases = [Trial("a list", right, EITHER), Trial("one too many", [*right, "more"]), *wrong(3, [1] * n, "a" * n)]
        return cases + [t for t in nothing_in_particular() if n or t.words != "a set"]

    return trials


def function(valid: Any) -> list[Trial]:
    return wrong("softmax", 3, [max], np.zeros(2)) + [t for t in nothing_in_particular() if t.value is not Thing]


def path(valid: Any) -> list[Trial]:
    return wrong(3, b"x.png", "", ["x.png"], np.zeros(2), True) + nothing_in_particular()


def network(valid: Any) -> list[Trial]:
    return wrong(None, "net.safetensors", 3, nnpg.Network, nnpg.Tanh(), [valid], np.zeros(2)) + nothing_in_particular()


def instance(valid: Any) -> list[Trial]:
    """An object of one class."""
    return wrong(None, "sgd", 3, type(valid), [valid], np.zeros(2)) + nothing_in_particular()


def optional_instance(valid: Any) -> list[Trial]:
    return wrong("sgd", 3, 0.1, nnpg.SGD, np.zeros(2)) + nothing_in_particular()


def output(valid: Any) -> list[Trial]:
    """The name of an output."""
    return wrong("pool9", "", 3, [valid], b"x", True, np.zeros(2)) + nothing_in_particular()


def outputs(valid: Any) -> list[Trial]:
    """One or more names of outputs."""
    odd = [Trial("a list", list(valid), SAME)] if isinstance(valid, tuple) else []
    return [*odd, *wrong("pool9", ["pool9"], [], 3, [3], [None], True, np.zeros(2)), *nothing_in_particular()]


def other_arrays(valid: np.ndarray[Any, Any]) -> list[Trial]:
    """The same numbers in other types and containers."""
    a = np.asarray(valid)
    gaps = np.repeat(a, 2, axis=0)[::2]
    locked = a.copy()
    locked.flags.writeable = False
    cases = [
        Trial("a list", a.tolist(), SAME),
        Trial("with gaps", gaps, SAME),
        Trial("in Fortran's order", np.asfortranarray(a), SAME),
        Trial("backwards twice", a[::-1].copy()[::-1], SAME),
        Trial("read-only", locked, SAME),
        Trial("big-endian", a.astype(a.dtype.newbyteorder(">")), SAME),
        Trial("a masked array without a mask", np.ma.MaskedArray(a), SAME),
        Trial("of a class with __array__", Wrapped(a), SAME),
    ]
    if a.ndim == 1:
        import pandas

        cases.append(Trial("a pandas Series", pandas.Series(a, index=range(10, 10 + len(a))), SAME))
    return cases


class Wrapped:
    """An array of another library, such as PyTorch's on the CPU."""

    def __init__(self, a: np.ndarray[Any, Any]) -> None:
        self.a = a

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray[Any, Any]:
        return np.asarray(self.a, dtype)


def no_arrays(valid: Any) -> list[Trial]:
    """What is no array of numbers."""
    a = np.asarray(valid)
    hidden = np.ma.MaskedArray(a, np.arange(a.size).reshape(a.shape) == 0)
    cases = wrong("abc", 1j, [[1, 2], [3]], ["a", "b"], a.astype(object), a + 1j, a.astype(str), np.array([Thing()]))
    return [
        *cases,
        *nothing_in_particular(),
        Trial("a masked array with a mask", hidden),
        Trial("dates", np.array(["2020-01-01"], "datetime64[D]")),
        Trial("a structure", np.zeros(len(a) if a.ndim else 1, [("u", "f4"), ("v", "f4")])),
    ]


def images(valid: Any) -> list[Trial]:
    """Images (N, *shape) that any function of a network takes; NaN in them is tried by `finite_images`."""
    a = np.asarray(valid)
    grey = (a > 0.5).astype(np.uint8)
    return [
        *other_arrays(a),
        Trial("float16", a.astype(np.float16), SAME),
        Trial("float64", a.astype(np.float64), SAME),
        Trial("whole numbers", grey, grey.astype(a.dtype)),
        Trial("signed whole numbers", grey.astype(np.int64), grey.astype(a.dtype)),
        Trial("bool", grey.astype(bool), EITHER),
        Trial("no image", a[:0], EITHER),
        *no_arrays(a),
        *wrong(None, 3, 3.5, True, a[0], a[..., None], a[:, None], a[..., :-1], [], np.zeros((len(a), 0))),
    ]


def finite_images(valid: Any) -> list[Trial]:
    """Images of which none may hold NaN."""
    a = np.array(valid, np.float64)
    holes, endless = a.copy(), a.copy()
    holes.flat[0], endless.flat[-1] = np.nan, np.inf
    return [*images(valid), Trial("NaN", holes), Trial("infinity", endless)]


def optional_images(valid: Any) -> list[Trial]:
    shape = (2, 1, 6, 6)
    return [t for t in images(np.ones(shape, np.float32) if valid is None else valid) if _no_match(t, valid)]


def _no_match(trial: Trial, valid: Any) -> bool:
    return trial.value is not None and (valid is not None or trial.like is WRONG)


def labels(K: int) -> Kind:
    """Whole numbers 0 .. K - 1, one for each image."""

    def trials(valid: Any) -> list[Trial]:
        a = np.asarray(valid)
        low, high = a.copy(), a.copy()
        low[0], high[0] = -1, K
        return [
            *other_arrays(a),
            *[Trial(str(kind), a.astype(kind), SAME) for kind in ("int8", "uint8", "uint64", "int32")],
            Trial("whole floats", a.astype(float)),
            Trial("halves", a + 0.5),
            Trial("NaN", np.full(a.shape, np.nan)),
            Trial("bool", a.astype(bool)),
            Trial("-1", low),
            Trial("K", high),
            Trial("a huge number", [10**30] * len(a)),
            Trial("strings of digits", a.astype(str)),
            Trial("a column", a[:, None]),
            Trial("one too few", a[:-1]),
            Trial("one too many", np.append(a, 0)),
            Trial("one", [0]),
            Trial("none", []),
            Trial("a table", np.zeros((len(a), K + 1))),
            *no_arrays(a),
            *wrong(0, 3.5, True),
        ]

    return trials


def needed_labels(K: int) -> Kind:
    """Labels that may not be left out."""
    return lambda valid: [*labels(K)(valid), *wrong(None)]


def targets(K: int) -> Kind:
    """What training aims at: labels, or a row of K numbers for each image."""

    def trials(valid: Any) -> list[Trial]:
        a = np.asarray(valid)
        rows = np.eye(K)[a]
        holes = rows.copy()
        holes[0, 0] = np.nan
        return [
            *needed_labels(K)(a),
            Trial("rows of 0 and 1", rows.astype(int), rows),
            Trial("rows that are lists", rows.tolist(), rows),
            *[Trial(t.words, t.value) for t in no_arrays(rows)],
            Trial("NaN in a row", holes),
            *wrong(rows[:, :-1], np.hstack([rows, rows]), rows[:-1], rows[None], rows[..., None]),
        ]

    return trials


def numbers(*, needed: bool = True, nan: bool = True, flat_only: bool = False) -> Kind:
    """An array of real numbers of one shape."""

    def trials(valid: Any) -> list[Trial]:
        a = np.asarray(valid)
        cases = [*other_arrays(a), *no_arrays(a), *(wrong(None) if needed else [])]
        cases += [] if flat_only else wrong(a[None, None])
        if not nan:
            holes = np.array(a, float)
            holes.flat[0] = np.nan
            cases.append(Trial("NaN", holes))
        return cases

    return trials


def filters(valid: Any) -> list[Trial]:
    """(Output, index) each."""
    [(layer, f), *_] = [tuple(pair[:2]) for pair in valid]
    return [
        Trial("lists", [list(pair) for pair in valid], SAME),
        Trial("of NumPy", [(name, np.int64(n)) for name, n, *_ in valid], SAME),
        Trial("one by itself", (layer, f)),
        *wrong(None, 3, layer, [layer], [3], [(layer,)], [(layer, "1")], [(layer, 1.0)], [(layer, True)]),
        *wrong([("pool9", 0)], [(layer, -1)], [(layer, 99)], [(3, 0)], [(layer, None)], [None], [(layer, 10**30)]),
        *nothing_in_particular(),
        Trial("a generator of filters", (pair for pair in valid), EITHER),
    ]


def pixels(valid: Any) -> list[Trial]:
    """One or two positive whole numbers."""
    return [
        *wrong(None, 0, -1, 1.5, "2", True, (1,), (1, 2, 3), (0, 1), (1, "2"), 1j, float("nan"), [[1]]),
        Trial("a list", [2, 2], EITHER),
        Trial("of NumPy", np.int64(valid), SAME) if isinstance(valid, int) else Trial("a list", list(valid), SAME),
        *nothing_in_particular(),
    ]


def padding(valid: Any) -> list[Trial]:
    return [t for t in pixels(valid) if t.value != 0 and t.value != (0, 1)] + wrong((1, 2, 3, 4, 5), (-1, 0, 0, 0))
