"""Damaged data files: each must load as a data set, or be refused as a DataError that names the file.

Archives, IDX files and pictures are flipped, cut, lengthened, and declared larger than they are; arrays inside an
archive are damaged and packed again, so that its checksum holds. In a process with 2 GB: python -m fuzz.data_files
"""

from __future__ import annotations

import argparse
import gzip
import io
import struct
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from nnpg.data import DataError, Dataset, load_folder, load_mnist, load_npz

MEMORY = 2 << 30  # bytes of the process
SECONDS = 5.0  # for one file, on a machine that does other work besides
Rng = np.random.Generator
NUMBERS = (0, 1, 2, 3, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 10**12, 2**62, 2**63, -1)


def damaged(whole: bytes, rng: Rng) -> bytes:
    """Bytes flipped, cut, lengthened, repeated, or a number in them replaced."""
    raw = bytearray(whole)
    way = rng.integers(5)
    if way == 0:
        for at in rng.integers(0, len(raw), rng.integers(1, 6)):
            raw[at] ^= 1 << int(rng.integers(8))
    elif way == 1:
        del raw[rng.integers(len(raw)) :]
    elif way == 2:
        raw += rng.bytes(int(rng.integers(1, 100)))
    elif way == 3:
        a, b = sorted(rng.integers(0, len(raw), 2))
        raw[a:b] = raw[a:b] * int(rng.integers(0, 4))
    else:
        at, form = int(rng.integers(0, max(1, min(len(raw), 64) - 8))), rng.choice(["<I", ">I", "<Q", ">Q"])
        number = NUMBERS[rng.integers(len(NUMBERS))]
        size = struct.calcsize(form)
        raw[at : at + size] = struct.pack(form, number % 2 ** (8 * size))
    return bytes(raw)


def _arrays() -> dict[str, bytes]:
    x = np.random.default_rng(0).random((4, 1, 5, 5))
    arrays = {
        "x": x,
        "labels": np.array([0, 1, 0, 1]),
        "class_names": np.array(["cat", "dog"]),
        "name": np.array("pets"),
        "conditions": np.array(["a", "b", "c", "d"]),
        "masks": x[:2, 0] > 0.5,
        "features": np.array(["tail", "ear"]),
    }
    packed = {}
    for key, array in arrays.items():
        out = io.BytesIO()
        np.save(out, array)
        packed[f"{key}.npy"] = out.getvalue()
    return packed


def npz(folder: Path, rng: Rng) -> tuple[Callable[[], Dataset], Path]:
    """An archive that is damaged, or that holds a damaged array."""
    arrays, path = _arrays(), folder / "a.npz"
    inside = rng.random() < 0.7
    if inside:
        name = list(arrays)[rng.integers(len(arrays))]
        head = int.from_bytes(arrays[name][8:10], "little") + 10
        if rng.random() < 0.6:  # its header, where the shape and the type are
            text = arrays[name][10:head].decode()
            old = ["(4, 1, 5, 5)", "(4,)", "(2,)", "()", "<f8", "<i8", "<U3", "<U1", "|b1", "False"]
            new = [
                *old,
                "(9999999999, 1, 5, 5)",
                "(-4,)",
                "(2, 2)",
                "|O",
                "<c16",
                ">i8",
                "<U999999999",
                "|V8",
                "[('a', 'i8')]",
            ]
            text = text.replace(old[rng.integers(len(old))], new[rng.integers(len(new))])
            content = text.encode()
            arrays[name] = arrays[name][:8] + struct.pack("<H", len(content)) + content + arrays[name][head:]
        else:
            arrays[name] = damaged(arrays[name], rng)
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")
        for member, content in arrays.items():
            archive.writestr(member, content)
    path.write_bytes(out.getvalue() if inside else damaged(out.getvalue(), rng))
    return lambda: load_npz(path), path


def mnist(folder: Path, rng: Rng) -> tuple[Callable[[], Dataset], Path]:
    """Images or labels damaged, packed or not; some inside a gzip file that is whole."""
    images = struct.pack(">4I", 0x803, 3, 28, 28) + rng.bytes(3 * 784)
    labels = struct.pack(">2I", 0x801, 3) + bytes([0, 5, 9])
    files = {"train-images-idx3-ubyte": images, "train-labels-idx1-ubyte": labels}
    hurt = list(files)[rng.integers(2)]
    if rng.random() < 0.5:
        files[hurt] = damaged(files[hurt], rng)
    else:
        files[hurt] = damaged(gzip.compress(files[hurt]), rng)
    for name, content in files.items():
        packed = rng.random() < 0.5
        (folder / f"{name}{'.gz' if packed else ''}").write_bytes(gzip.compress(content) if packed else content)
    return lambda: load_mnist(folder), folder / hurt


def pictures(folder: Path, rng: Rng) -> tuple[Callable[[], Dataset], Path]:
    """One of two pictures is damaged."""
    (folder / "a").mkdir()
    kind = rng.choice(["png", "gif", "jpg", "bmp", "tif", "webp", "ppm"])
    for n in range(2):
        Image.fromarray(rng.integers(0, 255, (6, 5, 3), np.uint8)).save(folder / "a" / f"{n}.{kind}")
    path = folder / "a" / f"1.{kind}"
    path.write_bytes(damaged(path.read_bytes(), rng))
    return lambda: load_folder(folder), path


KINDS = {"npz": npz, "mnist": mnist, "pictures": pictures}


def judge(kind: str, rng: Rng) -> tuple[str, str]:
    """Make a damaged file of this kind and load it; return "loaded", "refused" or "finding", and what is wrong."""
    with tempfile.TemporaryDirectory() as name:
        load, path = KINDS[kind](Path(name), rng)
        began = time.perf_counter()
        try:
            data = load()
        except DataError as error:
            result = (
                ("refused", "") if path.stem.split(".")[0] in str(error) else ("finding", f"names no file: {error}")
            )
        except Exception as error:
            result = "finding", f"{type(error).__name__}: {error}"
        else:
            right = data.x.min() >= 0 and data.x.max() <= 1 and data.labels.max() < data.K
            result = ("loaded", "") if right else ("finding", f"loaded as {data}")
        seconds = time.perf_counter() - began
    return result if seconds < SECONDS else ("finding", f"took {seconds:.1f} s")


def search(count: int, seed: int) -> tuple[Counter[tuple[str, str]], list[str]]:
    """Judge this many files; return the count of each outcome, and the findings."""
    counts, findings = Counter[tuple[str, str]](), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Pillow, for pictures that it reads all the same
        for n in range(count):
            kind = list(KINDS)[n % len(KINDS)]
            kind_of_answer, why = judge(kind, np.random.default_rng([seed, n]))
            counts[kind, kind_of_answer] += 1
            if why:
                findings.append(f"{kind}, file {n} of seed {seed}: {why}")
    return counts, findings


def main() -> int:
    """Run the search in a process of its own; return 1 if anything was found."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--count", type=int, default=10_000)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    asked = options.parse_args()
    if not asked.child:
        words = [
            sys.executable,
            "-m",
            "fuzz.data_files",
            "--child",
            "--count",
            str(asked.count),
            "--seed",
            str(asked.seed),
        ]
        code = subprocess.run(words, check=False).returncode
        if code not in (0, 1):
            print(f"data files: the process died with exit code {code}")
        return int(code != 0)
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    counts, findings = search(asked.count, asked.seed)
    print(*findings, sep="\n", end="\n" * bool(findings))
    for kind in KINDS:
        told = ", ".join(f"{counts[kind, answer]} {answer}" for answer in ("loaded", "refused", "finding"))
        print(f"data files, {kind}: {told}")
    return int(bool(findings))


if __name__ == "__main__":
    sys.exit(main())
