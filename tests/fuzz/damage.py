"""Ways to damage a model's file: bytes flipped, cut or moved, every part of its JSON edited, arrays exchanged."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

JSON = Any
Rng = np.random.Generator

PARTS: tuple[Callable[[Rng], JSON], ...] = (  # what a value is replaced by
    lambda rng: int(rng.integers(-3, 12)),
    lambda rng: int(10 ** rng.integers(3, 30)) if rng.random() < 0.9 else 10**400,
    lambda rng: -int(10 ** rng.integers(0, 20)),
    lambda rng: 2 ** int(rng.integers(8, 70)) - int(rng.integers(0, 2)),
    lambda rng: float(rng.normal() * 10.0 ** rng.integers(-3, 4)),
    lambda rng: rng.choice([float("nan"), float("inf"), -0.0, 1e300, 1e-300]).item(),
    lambda rng: rng.choice(["", "a", "W", "1", "Conv", "input", "../a", "a" * 5000, "\x1b[2J", "\ud800", "é"]).item(),
    lambda rng: bool(rng.integers(2)),
    lambda rng: None,
    lambda rng: [],
    lambda rng: {},
    lambda rng: [int(n) for n in rng.integers(0, 5, rng.integers(1, 6))],
    lambda rng: [[1, 1], [1, 1]],
    lambda rng: {"name": "a", "layer": "Tanh", "arrays": []},
    lambda rng: nested(int(rng.integers(2, 900))),
    lambda rng: [0] * int(10 ** rng.uniform(1, 5)),
)
DTYPES = ("F32", "F64", "F16", "BF16", "I8", "U8", "I16", "I32", "I64", "U64", "BOOL", "F8_E4M3", "")


def nested(depth: int) -> JSON:
    """Return a list in a list in a list ..."""
    value: JSON = 1
    for _ in range(depth):
        value = [value]
    return value


def damaged(whole: bytes, rng: Rng) -> tuple[bytes, str]:
    """Return a file damaged in one way, and which."""
    way = WAYS[rng.integers(len(WAYS))]
    return way(whole, rng), way.__name__


# Bytes


def flipped(whole: bytes, rng: Rng) -> bytes:
    """A few bits of the whole file, or of its header alone, flipped."""
    raw = bytearray(whole)
    end = len(raw) if rng.random() < 0.4 else 8 + int.from_bytes(whole[:8], "little")
    for n in rng.integers(0, end, rng.integers(1, 6)):
        raw[n] ^= 1 << int(rng.integers(8))
    return bytes(raw)


def weights_flipped(whole: bytes, rng: Rng) -> bytes:
    """Bits of the arrays flipped: such a file is a good one, of other weights."""
    raw, begin = bytearray(whole), 8 + int.from_bytes(whole[:8], "little")
    for n in rng.integers(begin, len(raw), rng.integers(1, 6)):
        raw[n] ^= 1 << int(rng.integers(8))
    return bytes(raw)


def cut(whole: bytes, rng: Rng) -> bytes:
    """Shorter, longer, or with a piece missing or twice in the middle."""
    a, b = sorted(rng.integers(0, len(whole), 2).tolist())
    choices = (whole[:a], whole + bytes(int(rng.integers(1, 100))), whole[:a] + whole[b:], whole[:b] + whole[a:])
    return choices[rng.integers(4)]


def length_changed(whole: bytes, rng: Rng) -> bytes:
    """Another length of the header than it has."""
    length = int.from_bytes(whole[:8], "little") + int(rng.integers(-40, 40))
    if rng.random() < 0.5:
        length = 2 ** int(rng.integers(64)) - int(rng.integers(2))
    return max(0, length).to_bytes(8, "little") + whole[8:]


# The JSON


def table_edited(whole: bytes, rng: Rng) -> bytes:
    """The table of arrays edited."""
    table, data = opened(whole)
    return closed(edited(table, rng), data)


def architecture_edited(whole: bytes, rng: Rng) -> bytes:
    """nnpg's own header edited, in one or two places."""
    table, data = opened(whole)
    about = json.loads(table["__metadata__"]["nnpg"])
    for _ in range(rng.integers(1, 3)):
        about = edited(about, rng)
    table["__metadata__"]["nnpg"] = json.dumps(about)
    return closed(table, data)


def settings_edited(whole: bytes, rng: Rng) -> bytes:
    """One setting of one layer, most likely another small number; of a checkpoint, anything."""
    table, data = opened(whole)
    about = json.loads(table["__metadata__"]["nnpg"])
    if "architecture" not in about:
        return architecture_edited(whole, rng)
    layer = about["architecture"][rng.integers(len(about["architecture"]))]
    field = list(layer)[rng.integers(len(layer))]
    value = layer[field]
    if isinstance(value, list) and value and rng.random() < 0.8:
        n = rng.integers(len(value))
        value[n] = int(rng.integers(0, 5)) if rng.random() < 0.7 else PARTS[rng.integers(len(PARTS))](rng)
    else:
        layer[field] = PARTS[rng.integers(len(PARTS))](rng)
    table["__metadata__"]["nnpg"] = json.dumps(about)
    return closed(table, data)


def keys_doubled(whole: bytes, rng: Rng) -> bytes:
    """A key that occurs twice, with two values."""
    table, data = opened(whole)
    name = list(table)[rng.integers(len(table))]
    other = list(table)[rng.integers(len(table))]
    text = json.dumps(table)
    return closed_text(f"{text[:-1]}, {json.dumps(name)}: {json.dumps(table[other])}}}", data)


def edited(value: JSON, rng: Rng) -> JSON:
    """One place of a JSON value replaced, removed, renamed, doubled or exchanged with another."""
    if not isinstance(value, dict | list) or not value or rng.random() < 0.1:
        return PARTS[rng.integers(len(PARTS))](rng)
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key, other = (keys[n] for n in rng.integers(0, len(keys), 2))
    draw = rng.random()
    if draw < 0.7:
        value[key] = edited(value[key], rng)
    elif draw < 0.8:
        del value[key]
    elif draw < 0.9:
        value[key], value[other] = value[other], value[key]
    elif isinstance(value, dict):
        value[f"{key}2" if rng.random() < 0.5 else "conv1.W"] = value.pop(key)
    else:
        value.append(value[key])
    return value


# The arrays


def arrays_exchanged(whole: bytes, rng: Rng) -> bytes:
    """Two arrays under each other's name, or one under a new name."""
    table, data = opened(whole)
    names = [name for name in table if name != "__metadata__"]
    a, b = (names[n] for n in rng.integers(0, len(names), 2))
    if rng.random() < 0.7:
        table[a], table[b] = table[b], table[a]
    else:
        table[f"{a}x"] = table.pop(a)
    return closed(table, data)


def dtype_renamed(whole: bytes, rng: Rng) -> bytes:
    """An array's bytes said to be of another dtype."""
    table, data = opened(whole)
    entry = table[_some_array(table, rng)]
    entry["dtype"] = DTYPES[rng.integers(len(DTYPES))]
    if rng.random() < 0.5 and entry["dtype"] in ("U8", "I8", "BOOL") and entry["shape"]:
        entry["shape"][-1] *= 4
    return closed(table, data)


def array_replaced(whole: bytes, rng: Rng) -> bytes:
    """An array of another dtype or shape in place of one; the file fits together, the network may not."""
    table, data = opened(whole)
    name = _some_array(table, rng)
    entry = table[name]
    kinds = {"F32": np.float32, "F64": np.float64, "U8": np.uint8, "I8": np.int8, "I64": np.int64}
    a = np.frombuffer(data[slice(*entry["data_offsets"])], kinds[entry["dtype"]]).reshape(entry["shape"])
    change = rng.integers(5)
    if change == 0:
        kind = list(kinds)[rng.integers(len(kinds))]
        with np.errstate(invalid="ignore"):
            a = a.astype(kinds[kind])
        entry["dtype"] = kind
    elif change == 1 and a.ndim:
        axis = int(rng.integers(a.ndim))
        many = int(rng.choice([0, 2, 3, 400, 40_000]))
        a = np.repeat(a.take([0], axis=axis), many, axis=axis) if many * a.size < 10**6 else a
    elif change == 2:
        a = a.reshape(-1)
    elif change == 3:
        a = a.T.copy()
    else:
        a = a[None]
    entry["shape"] = list(a.shape)
    parts, at = [], 0
    for other in (n for n in table if n != "__metadata__"):
        begin, end = table[other]["data_offsets"]
        part = a.tobytes() if other == name else data[begin:end]
        table[other]["data_offsets"] = [at, at + len(part)]
        parts.append(part)
        at += len(part)
    return closed(table, b"".join(parts))


def offsets_moved(whole: bytes, rng: Rng) -> bytes:
    """An array that begins or ends elsewhere."""
    table, data = opened(whole)
    entry = table[_some_array(table, rng)]
    move = int(rng.integers(-64, 64)) if rng.random() < 0.7 else int(10 ** rng.integers(3, 19))
    entry["data_offsets"] = [begin + move * int(rng.integers(2)) for begin in entry["data_offsets"]]
    if rng.random() < 0.3:
        entry["shape"] = [move, move]
    return closed(table, data)


def _some_array(table: dict[str, JSON], rng: Rng) -> str:
    names = [name for name in table if name != "__metadata__"]
    return names[rng.integers(len(names))]


def opened(whole: bytes) -> tuple[dict[str, JSON], bytes]:
    """Return the table of a good file, and its data."""
    end = 8 + int.from_bytes(whole[:8], "little")
    return json.loads(whole[8:end]), whole[end:]


def closed(table: JSON, data: bytes) -> bytes:
    """Return a file of this table and data, its length as it should be."""
    return closed_text(json.dumps(table), data)


def closed_text(text: str, data: bytes) -> bytes:
    """Return a file of this header and data."""
    raw = text.encode("utf-8", "surrogatepass")
    return len(raw).to_bytes(8, "little") + raw + data


WAYS: tuple[Callable[[bytes, Rng], bytes], ...] = (
    flipped, weights_flipped, cut, length_changed, table_edited, architecture_edited, settings_edited, settings_edited,
    keys_doubled, arrays_exchanged, dtype_renamed, array_replaced, array_replaced, offsets_moved,
)  # fmt: skip
