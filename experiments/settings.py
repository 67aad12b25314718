"""Settings of the command line, `--set key=value`, put into the config of an experiment."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from nnpg_command import UsageError

MOST = 2**31 - 1  # of a number in a config


def configured(config: Any, settings: Sequence[str]) -> Any:
    """Return the config with each `key=value` put in, read as the type that the key has."""
    known = {f.name: getattr(config, f.name) for f in fields(config)}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or key not in known:
            raise UsageError(f"--set {setting}: expected key=value with a key out of {', '.join(known)}")
        try:
            config = replace(config, **{key: _read(value, known[key], key == "seed")})
        except ValueError as error:
            raise UsageError(f"--set {setting}: {key} is {known[key]!r} by default, so {error}") from error
    return config


def command_of(id: str, scale: str, seed: int | None, backend: str, settings: Sequence[str]) -> str:
    """Return the command line of a run.

    Examples
    --------
    >>> command_of("LD-3", "paper", None, "auto", ["epochs=40"])
    'python -m experiments run LD-3 --scale paper --set epochs=40'
    """
    words = ["python", "-m", "experiments", "run", id, "--scale", scale]
    words += ["--seed", str(seed)] if seed is not None else []
    words += ["--backend", backend] if backend != "auto" else []
    return shlex.join([*words, *(word for setting in settings for word in ("--set", setting))])


def _read(value: str, like: Any, may_be_0: bool = False) -> Any:
    """The value as the type of `like`; a number that is above 0 there stays above 0."""
    if isinstance(like, bool):
        if value not in ("true", "false"):
            raise ValueError(f"it must be true or false, not {value!r}")
        return value == "true"
    if isinstance(like, tuple):
        return tuple(_read(part, like[0]) for part in value.split(","))
    if isinstance(like, str):
        return value
    number = _number(value, type(like))
    zero = may_be_0 or like == 0
    if not 0 <= number <= MOST or (number == 0 and not zero):  # written so that a NaN fails too
        raise ValueError(
            f"it must be a number {'from 0 on' if zero else 'above 0'} and at most {MOST:,}, not {value!r}"
        )
    return number


def _number(value: str, kind: type[Any]) -> Any:
    try:
        return kind(value)
    except ValueError:
        raise ValueError(f"it must be {'a whole number' if kind is int else 'a number'}, not {value!r}") from None
