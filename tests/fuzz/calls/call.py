"""A call that is right, and of what kind each of its arguments is."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fuzz import wrong_values as w
from fuzz.calls.subjects import K
from nnpg import data

# The kind that an argument of this name is of, in every function that has no other for it
KINDS: dict[str, w.Kind] = {
    "net": w.network,
    "x": w.finite_images,
    "adversarial": w.finite_images,
    "originals": w.finite_images,
    "labels": w.needed_labels(K),
    "classes": w.needed_labels(K),
    "targets": w.targets(K),
    "epochs": w.count,
    "batch": w.count,
    "iterations": w.count,
    "memory": w.count,
    "largest_output": w.count,
    "limits": lambda valid: w.wrong("100 MB", 3, data.Limits, w.Thing()),
    "steps": w.count,
    "every": w.count,
    "permutations": w.count,
    "resamples": w.count,
    "n": w.count,
    "columns": w.number(1, whole=True, optional=True),
    "tolerance": w.positive,
    "rng": w.seed,
    "seed": w.seed,
    "confidence": w.number(0, 1),
    "progress": w.optional_flag,
    "resume": w.flag,
    "polish": w.flag,
    "bias": w.flag,
    "sign": w.flag,
    "magnitude": w.flag,
    "optimiser": w.optional_instance,
    "decay": w.optional_instance,
    "of": w.choice,
    "norm": w.choice,
    "effort": w.choice,
    "average": w.choice,
    "method": w.choice,
    "to": w.choice,
    "by": w.choice,
    "mode": w.choice,
    "measure": w.choice,
    "rule": w.choice,
    "signal": w.choice,
    "init": lambda valid: [t for t in w.choice(valid) if t.value is not w.Thing],
    "loss": lambda valid: [t for t in w.choice(valid) if t.value is not w.Thing],
    "backend": w.choice,
    "layer": w.output,
    "at": w.output,
    "layers": w.outputs,
    "filters": w.filters,
    "reference": w.optional_images,
    "class_names": w.names(K),
    "path": w.path,
    "checkpoint": w.path,
    "scores": w.instance,
    "knockout": w.instance,
    "gradient": w.instance,
    "dataset": w.instance,
    "label": w.text,
    "ylabel": w.text,
    "xlabel": w.text,
    "dtype": lambda valid: w.wrong("int8", "float99", 3, int, "complex64", [1]) + w.wrong(w.Thing()),
    "input_shape": lambda valid: (
        w.wrong(None, 6, "6", (), (1, 6, -6), (1, 6, 0), (1, 6, 6.0), (1, "6"), (True,), {6}) + w.wrong(w.Thing())
    ),
    "box": lambda valid: (
        w.wrong(None, 1, "01", (0,), (0, 1, 2), (1, 0), (0, 0), ("0", "1"), (0, np.nan), (0, np.inf), (0, 1j))
        + w.nothing_in_particular()
    ),
}


# What a message may name in place of an argument: what the argument does not fit
WORDS = {
    "regions": "maps",
    "labels": "images",
    "n": "successes",
    "panels": "panel",
    "x": "labels|t|classes|targets|originals|adversarial",
    "originals": "labels",
    "adversarial": "labels",
}


@dataclass(frozen=True)
class Call:
    """A function, the arguments of a call that is right, and the kind of each argument that is tried."""

    name: str
    function: Callable[..., Any]
    plain: Mapping[str, Any]
    kinds: Mapping[str, w.Kind]
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # what a message may call an argument instead

    def run(self, changes: Mapping[str, Any]) -> Any:
        return self.function(**{**self.plain, **changes})


def call(
    function: Callable[..., Any],
    *,
    name: str = "",
    skip: tuple[str, ...] = (),
    kinds: Mapping[str, w.Kind] | None = None,
    words: Mapping[str, str] | None = None,
    plain: Mapping[str, Any] | None = None,
    **more: Any,
) -> Call:
    """Make a call in which all arguments but those in `skip` are tried."""
    all_kinds = {**KINDS, **(kinds or {})}
    arguments = [a for a in inspect.signature(function).parameters if a not in skip and a != "self"]
    unknown = [a for a in arguments if a not in all_kinds]
    if unknown:
        raise KeyError(f"{name or function.__name__}: of what kind are {unknown}?")
    aliases = {a: tuple(alias.split("|")) for a, alias in {**WORDS, **(words or {})}.items()}
    title = name or getattr(function, "__qualname__", "") or function.__name__
    return Call(title, function, {**(plain or {}), **more}, {a: all_kinds[a] for a in arguments}, aliases)
