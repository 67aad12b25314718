"""Damaged model files: each loads to the network that it describes, or is refused by name; none costs time or memory.

    python -m fuzz.model_files                      10,000 files, and how many came to what
    python -m fuzz.model_files --count 500 --seed 7
    python -m fuzz.model_files --only 123           one of them again, in this process

Files are judged in child processes, so that a crash is a finding with a number. A good answer is: a ModelFileError of
one line that names the file; or a network whose arrays are those that the safetensors library reads from the file,
whose settings are those of its header, whose compiled prediction is that of the reference, and which `nnpg info` can
print, or refuses where a layer is a user's. Either takes less than a second of processor time and 100 MB.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from typer.testing import CliRunner

import nnpg
from fuzz.damage import damaged, opened
from fuzz.user_layer import Scaled
from nnpg.cli import app
from nnpg.files import describe, tensors_of
from nnpg.layers import hyper_parameters

SECONDS = 1.0  # of processor time, for one file
MEMORY = 100_000_000  # bytes beyond what the process has
PATIENCE = 120.0  # seconds until a child that says nothing is taken for hanging
LARGEST = 200_000  # numbers of an output, up to which a network is also run
TAMEST = 100.0  # weights beyond this, or not finite, make rounding decide: such networks are run, but not compared


class Found(NamedTuple):
    """The outcome for file `n`: "loaded", "refused" or "finding"; how it was damaged; a description."""

    n: int
    kind: str
    way: str
    words: str
    seconds: float


def whole_files() -> list[bytes]:
    """The good files to damage: a convolutional net, one with nearly every layer, a plain one, a user's layer."""
    few = {"input_shape": (2, 12, 12), "rng": 0}
    conv = [nnpg.Center(np.full((2, 1, 1), 0.5, np.float32)), nnpg.conv(3, 3, padding=1), nnpg.Tanh(), nnpg.MaxPool(2),
            nnpg.conv(4, 3), nnpg.ReLU(), nnpg.Flatten(), nnpg.dense(3), nnpg.Softmax()]  # fmt: skip
    every = [nnpg.Center(np.array(0.5)), nnpg.conv(4, 3, stride=2, padding=(1, 0, 2, 1), groups=2),
             nnpg.LocalResponseNorm(3), nnpg.ReLU(), nnpg.MaxPool(2, stride=1), nnpg.conv(4, 2, groups=2, bias=False),
             nnpg.Sigmoid(), nnpg.AvgPool(2), nnpg.Flatten(), nnpg.Dropout(0.3), nnpg.dense(6), nnpg.Tanh(),
             nnpg.dense(3), nnpg.Step(at_zero=1)]  # fmt: skip
    plain = [nnpg.dense(8), nnpg.Sigmoid(), nnpg.dense(3), nnpg.Softmax()]
    users = [nnpg.conv(3, 3, padding=1), Scaled(np.full((3, 1, 1), 0.5, np.float32), 0.25), nnpg.MaxPool(2),
             nnpg.Flatten(), nnpg.dense(3)]  # fmt: skip
    nets = [
        nnpg.build(conv, **few),
        nnpg.build(every, **few, dtype="float64"),
        nnpg.build(plain, input_shape=(6,), rng=0),
        nnpg.build(users, **few),
    ]
    known = {"seed": 0, "data": {"data": "faces", "data_dir": None, "classes": ["a", "b"], "test_share": 0.25}}
    with tempfile.TemporaryDirectory() as folder:
        return [nnpg.save(net, Path(folder) / "net.safetensors", known).read_bytes() for net in nets]


def judge(n: int, seed: int, whole: list[bytes], file: Path) -> Found:
    """Damage a file, load it, and say what came of it."""
    rng = np.random.default_rng([seed, n])
    content, way = damaged(whole[rng.integers(len(whole))], rng)
    file.write_bytes(content)
    net, began = None, time.process_time()
    try:
        with limited():
            net = nnpg.load_network(file, layers=[Scaled])
            describe(file)
        kind, words = "loaded", ""
    except nnpg.ModelFileError as error:
        kind, words = "refused", str(error)
        if not words.startswith(f"{file}: ") or not words.isprintable() or len(words) > len(str(file)) + 800:
            kind = "finding"
    except Exception as error:  # which it is makes the finding
        kind, words = "finding", f"{type(error).__name__}: {error}"
    seconds = time.process_time() - began
    if seconds > SECONDS:
        kind, words = "finding", f"{seconds:.1f} s; {words}"
    if net is not None and kind == "loaded":
        words = other_meaning(net, content, file)
        kind = "finding" if words else kind
    return Found(n, kind, way, words[:400], seconds)


class limited:
    """Inside, the process may take 100 MB more memory than it has."""

    def __enter__(self) -> None:
        self.before = resource.getrlimit(resource.RLIMIT_AS)
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, self.before[1]))

    def __exit__(self, *_: object) -> None:
        resource.setrlimit(resource.RLIMIT_AS, self.before)


def other_meaning(net: nnpg.Network, content: bytes, file: Path) -> str:
    """Say in what a network is another than the file describes, as others read it; "" where it is the same."""
    from safetensors.numpy import load

    table, _ = opened(content)
    about = json.loads(table["__metadata__"]["nnpg"])
    read, held = load(content), tensors_of(net)
    if read.keys() != held.keys() or any(read[name].tobytes() != held[name].tobytes() for name in read):
        return "its arrays are not those of the file"
    for entry, (name, layer) in zip(about["architecture"], net.layers.items(), strict=True):
        settings = json.loads(json.dumps(hyper_parameters(layer)))
        if type(layer) is Scaled:
            settings = {"layer": "fuzz.user_layer.Scaled", "settings": settings}
        else:
            settings = {"layer": type(layer).__name__, **settings}
        settings["name"] = name
        if any(entry[field] != value for field, value in settings.items()):
            return f"the settings of {name} are not the file's"
    is_users = any(type(layer) is Scaled for layer in net.layers.values())
    said = CliRunner().invoke(app, ["info", str(file)])
    if said.exit_code != 2 * is_users or not all(line.isprintable() for line in said.stdout.split("\n")):
        return f"nnpg info ends with {said.exit_code}: {said.stdout[-200:]!r} {said.stderr[-200:]!r}"
    if max(map(np.prod, net.shapes.values())) > LARGEST:
        return ""
    x = np.random.default_rng(0).random((5, *net.input_shape)).astype(net.dtype)
    with np.errstate(all="ignore"):
        y, reference = nnpg.predict(net, x), nnpg.predict(net.to("numpy"), x)
    if y.shape != reference.shape:
        return f"it predicts {y.shape}, the reference {reference.shape}"
    tame = all(np.isfinite(a).all() and abs(a).max() < TAMEST for a in held.values())
    if tame and not np.allclose(y, reference, rtol=1e-2, atol=1e-2 * max(1.0, float(abs(reference).max()))):
        return f"it predicts otherwise than the reference, by {abs(y - reference).max()}"
    return ""


def child(first: int, last: int, seed: int) -> None:
    """Judge files first .. last - 1, and print what came of each."""
    whole = whole_files()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "damaged.safetensors"
        for content in whole:  # compiling and importing happen once and are not counted for the damaged file
            file.write_bytes(content)
            nnpg.predict(nnpg.load_network(file, layers=[Scaled]), np.zeros((5, *describe(file)["input_shape"])))
        for n in range(first, last):
            print(json.dumps(judge(n, seed, whole, file)), flush=True)


def fuzz(count: int, seed: int, children: int = 1) -> list[Found]:
    """Judge that many files in child processes; one that crashes or hangs is a finding, and another continues."""
    bounds = [count * i // children for i in range(children + 1)]
    running = [_Child(a, b, seed) for a, b in pairwise(bounds)]
    try:
        while not all(process.done for process in running):
            waiting = [process.out for process in running if not process.done]
            select.select(waiting, [], [], 1.0)
            for process in running:
                process.read()
    finally:
        for process in running:
            process.process.kill()
            process.process.wait()
            process.out.close()
    return [judged for process in running for judged in process.found]


class _Child:
    """A process that judges files, and what it has said so far."""

    def __init__(self, first: int, last: int, seed: int) -> None:
        self.next, self.last, self.seed, self.found = first, last, seed, list[Found]()
        self._start()

    @property
    def done(self) -> bool:
        return self.next >= self.last

    @property
    def out(self) -> Any:
        return self.process.stdout

    def read(self) -> None:
        """Read its output; if it has crashed or hangs, record the file and start another process after it."""
        if self.done:
            return
        part = os.read(self.out.fileno(), 1 << 16) if select.select([self.out], [], [], 0)[0] else None
        if part:
            self.heard, self.rest = time.monotonic(), self.rest + part
            *lines, self.rest = self.rest.split(b"\n")
            for line in lines:
                self.found.append(Found(*json.loads(line)))
                self.next += 1
        elif part == b"" or time.monotonic() - self.heard > PATIENCE:
            self.process.kill()
            code = self.process.wait()
            self.out.close()
            way = "dies" if part == b"" else "hangs"
            self.found.append(Found(self.next, "finding", "?", f"the process {way} (code {code})", 0.0))
            self.next += 1
            self._start()

    def _start(self) -> None:
        args = ["--child", str(self.next), str(self.last), "--seed", str(self.seed)]
        path = os.pathsep.join(map(os.path.abspath, sys.path))
        self.process = subprocess.Popen([sys.executable, "-m", "fuzz.model_files", *args], stdout=subprocess.PIPE,
                                        bufsize=0, env=os.environ | {"PYTHONPATH": path})  # fmt: skip
        self.rest, self.heard = b"", time.monotonic()


def summary(judged: list[Found]) -> str:
    """What all files came to, in one line."""
    kinds = Counter(file.kind for file in judged)
    slowest = max((file.seconds for file in judged), default=0.0)
    return (
        f"model files: {len(judged)} damaged, {kinds['loaded']} loaded as what they describe, "
        f"{kinds['refused']} refused by name, {kinds['finding']} findings; at most {slowest:.2f} s each"
    )


def main() -> int:
    """Run the search; the exit code says whether anything was found."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--count", type=int, default=10_000)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--only", type=int, help="judge this one file here")
    options.add_argument("--child", type=int, nargs=2, help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.child:
        child(*asked.child, asked.seed)
        return 0
    if asked.only is not None:
        with tempfile.TemporaryDirectory() as folder:
            print(judge(asked.only, asked.seed, whole_files(), Path(folder) / "damaged.safetensors"))
        return 0
    judged = fuzz(asked.count, asked.seed, os.cpu_count() or 1)
    for file in judged:
        if file.kind == "finding":
            print(f"file {file.n} ({file.way}): {file.words}")
    ways = Counter((file.way, file.kind) for file in judged)
    for way in sorted({way for way, _ in ways}):
        print(
            f"{way:22}{ways[way, 'loaded']:7} loaded {ways[way, 'refused']:7} refused {ways[way, 'finding']:7} findings"
        )
    print(summary(judged))
    return 1 if any(file.kind == "finding" for file in judged) else 0


if __name__ == "__main__":
    sys.exit(main())
