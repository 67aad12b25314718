"""JSON from a file that anybody may have written: bounded before it is parsed, and without two readings of one key."""

from __future__ import annotations

import json
from typing import Any

LARGEST = 4 * 2**20  # bytes
DEEPEST = 50  # lists and objects in each other
VALUES = 200_000  # in all, so that a text of nothing but brackets does not fill the memory


def parse_object(raw: bytes) -> dict[str, Any]:
    """Return the JSON object that the bytes spell.

    Raises
    ------
    ValueError
        If the text is too long, nested too deeply, no JSON, not an object, or names a key twice.

    Examples
    --------
    >>> parse_object(b'{"size": [2, 2]}')
    {'size': [2, 2]}
    >>> parse_object(b'{"size": 1, "size": 2}')
    Traceback (most recent call last):
        ...
    ValueError: the key 'size' occurs twice
    """
    if len(raw) > LARGEST:
        raise ValueError(f"{len(raw)} bytes of JSON, more than the {LARGEST} that are read")
    values = 1 + sum(raw.count(mark) for mark in (b",", b"[", b"{"))
    if values > VALUES:
        raise ValueError(f"up to {values} values in the JSON, more than the {VALUES} that are read")
    try:
        value = json.loads(raw.decode(), object_pairs_hook=_without_twins)
    except RecursionError as error:
        raise ValueError("JSON that is nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object, found {shown(value)}")
    _check_parts(value)
    return value


def shown(value: Any, limit: int = 60) -> str:
    """Return a value of a file as a message shows it: in ASCII, on one line, cut where it is long.

    Examples
    --------
    >>> shown("a" * 100, 12)
    "'aaaaaaaa..."
    """
    text = ascii(value) if not isinstance(value, int) or abs(value) < 10**limit else f"a number above 10^{limit}"
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {shown(key)} occurs twice")
        found[key] = value
    return found


def _check_parts(value: Any) -> None:
    """Refuse what is nested too deeply to be printed, and half a surrogate pair, which is no text."""
    waiting = [(value, 1)]
    while waiting:
        one, depth = waiting.pop()
        if depth > DEEPEST:
            raise ValueError("JSON that is nested too deeply")
        if isinstance(one, str) and not one.isascii():
            try:
                one.encode()
            except UnicodeEncodeError as error:
                raise ValueError(f"{shown(one)} is not text") from error
        elif isinstance(one, dict):
            waiting += [(part, depth + 1) for pair in one.items() for part in pair]
        elif isinstance(one, list):
            waiting += [(part, depth + 1) for part in one]
