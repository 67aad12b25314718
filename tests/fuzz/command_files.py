"""The files that the cases of `command_lines` name: good, damaged, foreign, and what is no file at all."""

from __future__ import annotations

import json
import os
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

import nnpg
from nnpg.cli.data import Source, data_record
from nnpg.data import load

RESULT = {
    "id": "LD-0", "title": "t", "source": "s", "scale": "smoke", "seed": 0, "commit": "0", "tree": "clean",
    "version": 1, "command": "c", "date": "d", "config": {}, "shows": {},
    "data": [{"name": "faces", "images": 1, "sha256": "0"}], "versions": {"backend": "numba"}, "processor": "p",
    "threads": 1, "computed": {"predict": ["compiled"]}, "minutes": 1.0, "notes": [], "verdict": "v", "rows": [],
    "texts": [], "figures": [],
}  # fmt: skip
ROW = {
    "name": "n", "paper": None, "ours": 1.0, "low": None, "high": None, "n": 1, "over": "nets", "unit": "u",
    "interval": "", "claim": "", "verdict": None,
}  # fmt: skip


def prepare(here: Path) -> None:
    """Write all of them into a folder."""
    _data(here)
    _models(here)
    _results(here)
    (here / "notes.txt").write_text("no model")
    (here / "endless.py").write_text('"""Exercise tanh: never ends."""\n\nwhile True:\n    pass\n')
    (here / "empty").mkdir()
    (here / "loop").symlink_to("loop")
    (here / "none.link").symlink_to("none")
    os.mkfifo(here / "pipe")
    (here / "full.png").symlink_to("/dev/full")
    for name in ("full.npz", "full.safetensors", "full.csv"):
        (here / name).symlink_to("/dev/full")
    for name in ("null.npz", "null.safetensors"):
        (here / name).symlink_to("/dev/null")
    (here / "folder.safetensors").mkdir()
    (here / "folder.png").mkdir()


def _data(here: Path) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(24) % 3
    x = rng.random((24, 1, 12, 12)) * 0.3
    for image, c in zip(x, labels, strict=True):
        image[0, :, 4 * c : 4 * c + 4] += 0.6
    names = np.array(("left", "middle", "right"))
    good = {"x": x, "labels": labels, "class_names": names}
    np.savez(here / "bars.npz", **good)
    np.savez(here / "füße 猫.npz", **good)
    for name, changes in {
        "label": {"labels": np.where(labels == 2, 10**12, labels), "class_names": None},
        "negative": {"labels": labels - 1},
        "twins": {"class_names": np.array(("left", "left", "right"))},
        "control": {"class_names": np.array(("left", "\x1b[2J", "right"))},
        "endless": {"class_names": np.array(("left", "m" * 500, "right"))},
        "nameless": {"class_names": np.array(("left", "", "right"))},
        "nan": {"x": x * np.nan},
        "large": {"x": x * 255},
        "complex": {"x": x + 1j},
        "objects": {"x": np.array([None, 1])},
        "flat": {"x": x[0, 0]},
        "none": {"x": x[:0], "labels": labels[:0]},
        "short": {"labels": labels[:5]},
        "big": {"x": np.zeros((24, 1, 20, 20))},
        "tiny": {"x": x[:, :, :2, :2]},
        "alone": {"x": x[:3], "labels": labels[:3]},
        "single": {"labels": labels * 0, "class_names": names[:1]},
    }.items():
        np.savez(here / f"{name}.npz", **{k: v for k, v in (good | changes).items() if v is not None})
    whole = (here / "bars.npz").read_bytes()
    (here / "cut.npz").write_bytes(whole[: len(whole) // 2])
    (here / "empty.npz").write_bytes(b"")
    (here / "text.npz").write_text("text")
    np.save(here / "array.npy", x)
    for folder in ("pipes/a", "pictures/a", "pictures/b", "hollow/a", "texts/a", "deep/a/b", "sizes/a", "large/a"):
        (here / folder).mkdir(parents=True)
    os.mkfifo(here / "pipes" / "a" / "0.png")
    for folder in "ab":
        for n in range(3):
            Image.fromarray(np.full((12, 12), 40 * n, np.uint8)).save(here / "pictures" / folder / f"{n}.png")
    (here / "texts" / "a" / "0.png").write_text("text")
    for n in (4, 5):
        Image.new("L", (n, n)).save(here / "sizes" / "a" / f"{n}.png")
    head = struct.pack(">IIBBBBB", 13_000, 13_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    content = b"".join(struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks)
    (here / "large" / "a" / "0.png").write_bytes(b"\x89PNG\r\n\x1a\n" + content)


def _models(here: Path) -> None:
    path, bars = here / "model.safetensors", here / "bars.npz"
    data = load(bars)
    source = Source(str(bars))
    train, test = source.load().train, source.load().test
    net = nnpg.build(
        [nnpg.conv(2, 3), nnpg.Tanh(), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(3), nnpg.Softmax()],
        input_shape=data.image_shape,
        rng=0,
    )
    nnpg.save(net, path, {"data": data_record(source, train, test)})
    nnpg.save(net, here / "stranger.safetensors", {"data": 5, "training": "\x1b[2J"})
    nnpg.save(net.replace("dense1", W=net.layers["dense1"].W * np.nan), here / "nan.safetensors")
    whole = path.read_bytes()
    (here / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    (here / "empty.safetensors").write_bytes(b"")
    (here / "zeros.safetensors").write_bytes(bytes(100))
    (here / "header.safetensors").write_bytes(struct.pack("<Q", 2**60) + whole[8:])
    (here / "json.safetensors").write_bytes(whole.replace(b'"conv1', b"'conv1"))


def _results(here: Path) -> None:
    for name, content in {
        "text": "no result",
        "cut": json.dumps(RESULT)[:-5],
        "list": "[]",
        "number": "7",
        "bare": "{}",
        "kinds": json.dumps(RESULT | {"rows": 7}),
        "row": json.dumps(RESULT | {"rows": [ROW | {"ours": "many"}]}),
        "verdict": json.dumps(RESULT | {"rows": [ROW | {"verdict": [1]}]}),
        "yes": json.dumps(RESULT | {"rows": [ROW | {"verdict": "yes"}]}),
        "deep": "[" * 100_000,
        "outside": json.dumps(RESULT | {"figures": ["../../bars.png"]}),
        "absolute": json.dumps(RESULT | {"figures": [str(here / "bars.png")]}),
        "linked": json.dumps(RESULT | {"figures": ["a.png"]}),
        "missing": json.dumps(RESULT | {"figures": ["none.png"]}),
        "gif": json.dumps(RESULT | {"figures": ["b.png"]}),
        "kind": json.dumps(RESULT | {"figures": ["result.json"]}),
        "figure": json.dumps(RESULT | {"figures": [7]}),
        "minutes": json.dumps(RESULT | {"minutes": "long"}),
        "data": json.dumps(RESULT | {"data": ["faces"]}),
        "computed": json.dumps(RESULT | {"computed": ["compiled"]}),
        "commit": json.dumps({key: value for key, value in RESULT.items() if key != "commit"}),
        "bytes": "\ufffd",
    }.items():
        folder = here / f"result {name}" / "LD-0"
        folder.mkdir(parents=True)
        (folder / "result.json").write_text(content)
    Image.new("L", (4, 4)).save(here / "bars.png")
    (here / "result linked" / "LD-0" / "a.png").symlink_to(here / "bars.png")
    (here / "result gif" / "LD-0" / "b.png").write_bytes(b"GIF89a")
    (here / "result bytes" / "LD-0" / "result.json").write_bytes(b"\xff\xfe\x00")
    (here / "result pipe" / "LD-0").mkdir(parents=True)
    os.mkfifo(here / "result pipe" / "LD-0" / "result.json")
    good = here / "result good" / "LD-0"
    good.mkdir(parents=True)
    (good / "result.json").write_text(json.dumps(RESULT | {"rows": [ROW | {"name": "<img src=x>|"}]}))
