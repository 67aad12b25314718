"""Trainings and attacks killed at random moments: each goes on from its checkpoint, and ends in the same bits.

    python -m fuzz.kills                 100 kills, and how many ended otherwise
    python -m fuzz.kills --kills 20 --seed 7

Each child process starts the work anew with `resume=True`, and is killed (SIGKILL) at a random moment, so that the
checkpoint is cut off wherever it may be. Then the work is finished, and its result
compared with that of a run without interruptions.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from parameters import flat

import nnpg
from nnpg.attacks import minimal_distortion
from nnpg.files import read_tensors, write_tensors

WORKS = ("train", "attack")
BACKENDS = ("numpy", "numba")
EPOCHS = 60


def work(kind: str, backend: str, checkpoint: Path | None) -> dict[str, np.ndarray]:
    """Train, or attack, from the checkpoint on if there is one; return the arrays of the result."""
    rng = np.random.default_rng(0)
    x, t = rng.random((60, 1, 8, 8)), np.arange(60) % 3
    recipe = [nnpg.conv(4, 3), nnpg.Tanh(), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(3), nnpg.Softmax()]
    net = nnpg.build(recipe, input_shape=(1, 8, 8), rng=0, backend=backend)
    if kind == "train":
        done = nnpg.train(net, x, t, epochs=EPOCHS, batch=4, rng=1, optimiser=nnpg.SGD(0.05, momentum=0.9),
                          validation=(x[:9], t[:9]), checkpoint=checkpoint, resume=True, progress=False)  # fmt: skip
        return flat(done.net.parameters) | {"history": np.array([epoch[:4] for epoch in done.history])}
    attacked = minimal_distortion(
        net, x[:24], "all", tolerance=0.001, checkpoint=checkpoint, resume=True, progress=False
    )
    return {"x": attacked.adversarial, "size": attacked.size, "c": attacked.c, "evaluations": attacked.evaluations}


def child(kind: str, backend: str, folder: Path) -> None:
    """Work to the end, and write the result."""
    attack = sys.modules[minimal_distortion.__module__]
    vars(attack)["SAVE_EVERY"] = 0.02  # seconds: often, so that there is much to cut off
    print("begun", flush=True)
    write_tensors(folder / "result.safetensors", work(kind, backend, folder / "checkpoint.safetensors"), {})


def killed(kind: str, backend: str, kills: int, rng: np.random.Generator) -> tuple[int, str]:
    """Kill a run `kills` times unless it ends earlier, finish it; return the number of kills, and any fault."""
    with tempfile.TemporaryDirectory() as name:
        folder, done = Path(name), 0
        span = _lived(kind, backend, folder, None) / (kills + 1)
        for file in folder.iterdir():
            file.rename(folder / f"whole-{file.name}")
        while done < kills and not (folder / "result.safetensors").exists():
            _lived(kind, backend, folder, float(rng.uniform(0, 2 * span)))
            done += not (folder / "result.safetensors").exists()
        _lived(kind, backend, folder, None)
        expected, ended = (read_tensors(folder / f"{prefix}result.safetensors")[0] for prefix in ("whole-", ""))
        for key, a in expected.items():
            if a.tobytes() != ended[key].tobytes():
                return done, f"{kind} by {backend}: {key} is another after {done} kills"
        return done, ""


def _lived(kind: str, backend: str, folder: Path, seconds: float | None) -> float:
    """Run a child, kill it so many seconds after it began to work, and return how long it worked."""
    path = os.pathsep.join(map(os.path.abspath, sys.path))
    process = subprocess.Popen([sys.executable, "-m", "fuzz.kills", "--child", kind, backend, str(folder)],
                               stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": path})  # fmt: skip
    assert process.stdout is not None
    with process.stdout as out:
        out.readline()
        began = time.monotonic()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if seconds is None and process.returncode:
        raise RuntimeError(f"{kind} by {backend} failed: exit code {process.returncode}")
    return time.monotonic() - began


def main() -> int:
    """Kill, resume, compare; the exit code says whether any work ended otherwise."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--kills", type=int, default=100)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.child:
        child(asked.child[0], asked.child[1], Path(asked.child[2]))
        return 0
    rng, kills, runs, wrong = np.random.default_rng(asked.seed), 0, 0, list[str]()
    while kills < asked.kills:
        for kind in WORKS:
            for backend in BACKENDS:
                done, problem = killed(kind, backend, min(4, max(1, asked.kills - kills)), rng)
                kills, runs, wrong = kills + done, runs + 1, wrong + [problem] * bool(problem)
    print(*wrong, sep="\n", end="\n" * bool(wrong))
    print(f"kills: {kills} of {runs} runs, {runs - len(wrong)} ended in the same bits, {len(wrong)} otherwise")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
