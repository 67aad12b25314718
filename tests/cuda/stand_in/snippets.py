"""Short programs of arrays and what CuPy answers; `recorded.json` has the answers of CuPy 14.2.0 on an H200.

`NNPG_CUDA=device python -m pytest tests/gpu/test_stand_in.py` compares the record with the CuPy that is there.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np

RECORDED: dict[str, str] = json.loads(Path(__file__).with_name("recorded.json").read_text())


def answer(snippet: str, cupy: Any) -> str:
    """Run an expression, or statements that set R, and describe the result or the error."""
    names = {"cp": cupy, "np": np}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            try:
                code = compile(snippet, "<snippet>", "eval")
            except SyntaxError:
                exec(snippet, names)
                return described(names["R"])
            return described(eval(code, names))
        except Exception as error:
            return f"{type(error).__name__}: {str(error)[:160]}"


def described(value: Any) -> str:
    """Return where a result is, its type, its shape and its numbers."""
    if type(value).__name__ == "ndarray":
        device = not isinstance(value, np.ndarray)
        a = value.get() if device else value
        text = np.array2string(a, threshold=12, separator=",")
        return f"{'device' if device else 'host'} {a.dtype} {a.shape} {text}".replace("\n", "")
    if isinstance(value, np.generic):
        return f"numpy scalar {value.dtype} {value!r}"
    if isinstance(value, tuple | list):
        return f"{type(value).__name__}[" + "; ".join(map(described, value)) + "]"
    return f"{type(value).__name__} {value!r}"[:200]


def agree(one: str, other: str) -> bool:
    """Whether two answers are the same: of errors, their kind; of infinite numbers or NaN, that they are that."""
    if "Error: " in one or "Error: " in other:
        return one.split(":")[0] == other.split(":")[0]
    return plain(one) == plain(other)


def plain(text: str) -> str:
    for word in ("-inf", "inf", "nan"):
        text = text.replace(word, "not-finite")
    return "".join(text.split())
