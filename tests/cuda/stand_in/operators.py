"""The methods and operators of the stand-in's arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from stand_in.arrays import QUIET, ndarray, off, on
from stand_in.counts import operation
from stand_in.functions import NOT_TAKEN, OWN, called

Function = Callable[..., Any]

METHODS = """
    all any argmax argmin argsort astype clip conj copy cumsum diagonal dot flatten max mean min prod ravel repeat
    reshape round sort squeeze std sum swapaxes take trace transpose var view
"""
OPERATORS = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor", "lshift", "rshift"]
COMPARISONS = ["lt", "le", "gt", "ge", "eq", "ne"]


def method(name: str) -> Function:
    if name in ("take", "repeat"):
        return lambda self, *args, **kwargs: OWN[name](self, *args, **kwargs)

    def run(self: ndarray, *args: Any, **kwargs: Any) -> Any:
        for word in NOT_TAKEN & set(kwargs):
            raise TypeError(f"{name}() got an unexpected keyword argument {word!r}")
        if kwargs.get("kind", "stable") not in (None, "stable"):
            raise ValueError("kind can only be None or 'stable'")
        result = called(getattr(self.raw, name), args, kwargs)
        return self if name == "astype" and kwargs.get("copy") is False and result.raw is self.raw else result

    return run


def operator(name: str, reflected: bool = False) -> Function:
    special = f"__{'r' if reflected else ''}{name}__"

    def run(self: ndarray, other: Any) -> Any:
        if isinstance(other, list | tuple | str):
            return NotImplemented if name in ("eq", "ne") and not isinstance(other, str) else refuse(name, self, other)
        if other is None:
            return on(np.full(self.shape, name == "ne")) if name in ("eq", "ne") else NotImplemented
        return called(getattr(self.raw, special), (other,), {})

    return run


def refuse(name: str, self: Any, other: Any) -> Any:
    raise TypeError(f"operand type(s) all returned NotImplemented ({name}): 'ndarray', {type(other).__name__!r}")


def in_place(name: str) -> Function:
    def run(self: ndarray, other: Any) -> ndarray:
        operation()
        with np.errstate(**QUIET):  # type: ignore[arg-type]
            try:
                getattr(self.raw, f"__i{name}__")(off(other))
            except TypeError as error:
                raise TypeError(str(error)) from None  # NumPy's own kind of TypeError is not CuPy's
        return self

    return run


def give_methods() -> None:
    """Give `ndarray` its methods and operators."""
    for name in METHODS.split():
        setattr(ndarray, name, method(name))
    for name in OPERATORS:
        setattr(ndarray, f"__{name}__", operator(name))
        setattr(ndarray, f"__r{name}__", operator(name, reflected=True))
        setattr(ndarray, f"__i{name}__", in_place(name))
    for name in COMPARISONS:
        setattr(ndarray, f"__{name}__", operator(name))
    for name in ("neg", "pos", "abs", "invert"):
        setattr(ndarray, f"__{name}__", lambda self, special=f"__{name}__": called(getattr(self.raw, special), (), {}))
    ndarray.__divmod__ = lambda self, other: (self // other, self % other)  # type: ignore[attr-defined]
