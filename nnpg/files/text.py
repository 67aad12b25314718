"""JSON from files that are not trusted: its size is limited before it is parsed, and no key may occur twice."""

from __future__ import annotations

import json
from typing import Any

LARGEST = 4 * 2**20  # bytes
DEEPEST = 50  # nested lists and objects
VALUES = 200_000  # in total: a text of brackets alone would need much more memory than its length


def parse_object(raw: bytes) -> dict[str, Any]:
    """Parse bytes as a JSON object.

    Raises
    ------
    ValueError
        If the text is too long, nested too deeply, not JSON, not an object, or repeats a key.

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
        value = json.loads(raw.decode(), object_pairs_hook=_without_repeated_keys)
    except RecursionError as error:
        raise ValueError("JSON that is nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object, found {shown(value)}")
    _check_parts(value)
    return value


def shown(value: Any, limit: int = 60) -> str:
    """Return a value from a file for a message: in ASCII, on one line, shortened if it is long.

    Examples
    --------
    >>> shown("a" * 100, 12)
    "'aaaaaaaa..."
    """
    text = ascii(value) if not isinstance(value, int) or abs(value) < 10**limit else f"a number above 10^{limit}"
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _without_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    parsed: dict[str, Any] = {}
    for key, value in pairs:
        if key in parsed:
            raise ValueError(f"the key {shown(key)} occurs twice")
        parsed[key] = value
    return parsed


def _check_parts(value: Any) -> None:
    """Refuse values that are nested too deeply to be printed, and half a surrogate pair, which is not text."""
    queue = [(value, 1)]
    while queue:
        part, depth = queue.pop()
        if depth > DEEPEST:
            raise ValueError("JSON that is nested too deeply")
        if isinstance(part, str) and not part.isascii():
            try:
                part.encode()
            except UnicodeEncodeError as error:
                raise ValueError(f"{shown(part)} is not text") from error
        elif isinstance(part, dict):
            queue += [(inner, depth + 1) for pair in part.items() for inner in pair]
        elif isinstance(part, list):
            queue += [(inner, depth + 1) for inner in part]
