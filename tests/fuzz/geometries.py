"""Random networks: all public answers, by compiled programs and kernels, compared with the layers of the reference.

    python -m fuzz.geometries                          300 networks of the seeds from 0 on
    python -m fuzz.geometries --fresh                  of seeds never seen before
    python -m fuzz.geometries --first 17 --count 1     network 17 again

Set NNPG_CHECK=1 to have all arrays between fences (kernels/README.md). The networks run in a child process; when it
ends, the network that ended it is named, and the next process continues after it. Where rounding decides which pixel of
a window or which class is the largest, no two programs need agree: what changes by as much in the reference alone, when
its weights and images are changed by a few units in the last place, is counted as a kink and is no fault.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from parameters import changed, flat

import nnpg
from fuzz.random_networks import Case, case
from nnpg.programs.plan import plan_of

ROOT = Path(__file__).parents[2]
COUNT = 300
TASKS = ("predict", "prediction_gradient", "class_gradient", "knock_out_curve", "train")


class Found(NamedTuple):
    """What a search found: networks, faults in words, kinks, and by task how many were compiled."""

    networks: int
    faults: list[str]
    kinks: int
    compiled: dict[str, int]


def answers(case: Case, seed: int) -> Iterator[tuple[str, Any]]:
    """Everything public, in names and arrays; an error is its type and message."""
    net, x, labels = case
    rng = np.random.default_rng([seed, 1])
    yield "predict", lambda: nnpg.predict(net, x)
    inner = [name for name in net.names[1:-1] if rng.random() < 0.3]
    blocks = [block.name for block in plan_of(net).blocks]
    for layers in (["input", *blocks], inner or ["input"]):
        of, classes = str(rng.choice(["prob", "logit", "logprob"])), _classes(rng, net.K)
        name = f"prediction_gradient of {of} {classes} {layers}"
        yield (
            name,
            lambda layers=layers, of=of, classes=classes: (
                nnpg.prediction_gradient(net, x, layers=layers, of=of, classes=classes, labels=labels).deltas
            ),
        )
    classes, method = _classes(rng, net.K), str(rng.choice(["average_of_gradients", "gradient_of_average"]))
    yield (
        f"class_gradient {classes} {method}",
        lambda: (
            nnpg.class_gradient(
                net, x, labels, layers=["input", *blocks[:2]], classes=classes, method=method, progress=False
            ).deltas
        ),
    )
    units = [(name, f) for name in net.names[1:-1] for f in range(net.shapes[name][0])]
    outputs = [(name, f) for name in blocks[:-1] for f in range(net.shapes[name][0])]
    for among, to in ((outputs, "zero"), (outputs, "mean"), (units, "zero")):
        if among:
            order = [among[i] for i in rng.permutation(len(among))[:5]]
            yield (
                f"knock_out_curve {to} {order}",
                lambda order=order, to=to: (
                    nnpg.knock_out_curve(
                        net, x, labels, order, to=to, reference=x if to == "mean" else None, progress=False
                    ).predictions
                ),
            )
    trace = net.forward(x)
    yield "forward", lambda: {name: trace[name] for name in net.layers}
    seeds = rng.standard_normal((2, *trace.y.shape)).astype(x.dtype)
    yield "backward", lambda: dict(net.backward(trace, seeds))
    yield "gradients", lambda: flat(net.gradients(trace, net.backward(trace, seeds[0])))
    decay = (None, nnpg.PlainDecay(0.01), nnpg.DecayPerUnit(0.05))[rng.integers(3)]
    sgd = nnpg.SGD(0.05, momentum=float(rng.choice([0.0, 0.9])), decay=decay)
    batch = int(rng.choice([1, 2, 5, len(x)]))
    loss = "softmax_cross_entropy" if type(list(net.layers.values())[-1]) is nnpg.Softmax else "squared_error"
    yield (
        f"train batch {batch} {sgd} {loss}",
        lambda: flat(
            nnpg.train(
                net, x, labels, epochs=1, batch=batch, rng=0, optimiser=sgd, loss=loss, progress=False
            ).net.parameters
        ),
    )


def _classes(rng: np.random.Generator, K: int) -> Any:
    return ("all", "true", int(rng.integers(K)), [int(c) for c in rng.integers(0, K, 5)])[rng.integers(4)]


def arrays_of(task: Any) -> dict[str, Any]:
    """The answer as arrays by name, or the error in words."""
    try:
        answer = task()
    except Exception as error:
        return {"error": f"{type(error).__name__}: {str(error).replace('numba', 'numpy')}"}
    return {name: np.asarray(a) for name, a in (answer if isinstance(answer, dict) else {"": answer}).items()}


def differences(got: dict[str, Any], expected: dict[str, Any], tolerance: float) -> list[str]:
    """The differences of two answers, in words."""
    if "error" in got or "error" in expected:
        pair = [answer.get("error", "an answer") for answer in (got, expected)]
        return [] if pair[0] == pair[1] else [f"{pair[0]!r}, reference {pair[1]!r}"]
    if got.keys() != expected.keys():
        return [f"names {list(got)}, reference {list(expected)}"]
    unequal = []
    for name, a in got.items():
        b = expected[name]
        scale = np.abs(b[np.isfinite(b)]).max(initial=0.0) if b.dtype.kind == "f" else 0.0
        if a.shape != b.shape or a.dtype != b.dtype:
            unequal.append(f"{name}: {a.dtype} {a.shape}, reference {b.dtype} {b.shape}")
        elif not np.allclose(a, b, rtol=tolerance, atol=tolerance * max(scale, 1e-3), equal_nan=True):
            unequal.append(f"{name}: off by {np.nanmax(np.abs(a - b)):.2g} of {scale:.2g}")
    return unequal


def check(seed: int) -> tuple[list[str], int, dict[str, int]]:
    """Return the faults of one network in words, its kinks, and which of its tasks are compiled."""
    drawn = case(seed)
    reference = Case(drawn.net.to("numpy"), drawn.x, drawn.labels)
    tolerance = 2e-4 if drawn.net.dtype == np.float32 else 1e-9
    faults, kinks = [], 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of NumPy, where a softmax of one class has no slope
        for (name, ours), (_, theirs) in zip(answers(drawn, seed), answers(reference, seed), strict=True):
            wrong = differences(arrays_of(ours), arrays_of(theirs), tolerance)
            if wrong and _at_a_kink(reference, seed, name, tolerance):
                kinks += 1
            elif wrong:
                faults.append(f"{name}: {'; '.join(wrong)}")
    report = nnpg.compilation_report(drawn.net).to_dict()
    return faults, kinks, {task: int(report[task] == "compiled") for task in TASKS}


def _at_a_kink(reference: Case, seed: int, name: str, tolerance: float) -> bool:
    """Whether the reference itself changes by more when all its numbers change in the last places."""
    rng, kind = np.random.default_rng([seed, 2]), reference.net.dtype
    net, x, labels = reference.net.astype("float64"), reference.x.astype("float64"), reference.labels
    still = arrays_of(dict(answers(Case(net, x, labels), seed))[name])

    def shaken(a: Any) -> Any:
        return np.asarray(a, "float64") * (1 + 16 * np.finfo(kind).eps * rng.standard_normal(np.shape(a)))

    for _ in range(8):
        moved = net.with_parameters(changed(net.parameters, shaken))
        if differences(arrays_of(dict(answers(Case(moved, shaken(x), labels), seed))[name]), still, tolerance):
            return True
    return False


def child(seeds: list[int]) -> None:
    """Check networks one after the other, and print what was found of each."""
    for seed in seeds:
        print(f"begin {seed}", flush=True)
        faults, kinks, compiled = check(seed)
        for fault in faults:
            print(f"fault {fault}".replace("\n", " "))
        print(f"end {kinks} {' '.join(str(compiled[task]) for task in TASKS)}", flush=True)


def search(seeds: list[int], start: tuple[str, ...] = (sys.executable, "-m", "fuzz.geometries", "--child")) -> Found:
    """Check these networks in child processes, which `start` and the seeds begin."""
    faults, kinks, compiled, done = list[str](), 0, dict.fromkeys(TASKS, 0), 0
    while done < len(seeds):
        path = os.pathsep.join(str(ROOT / folder) for folder in ("", "kernels", "tests"))
        process = subprocess.run(
            [*start, *map(str, seeds[done:])], env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True
        )
        for line in process.stdout.splitlines():
            word, _, words = line.partition(" ")
            if word == "fault":
                faults.append(f"network {seeds[done]}: {words}")
            elif word == "end":
                numbers = [int(n) for n in words.split()]
                kinks, done = kinks + numbers[0], done + 1
                compiled = {task: compiled[task] + n for task, n in zip(TASKS, numbers[1:], strict=True)}
        if process.returncode:
            ended = f"network {seeds[done]} ended the process, exit status {process.returncode}; see it again by"
            faults.append(
                f"{ended}\n  python -m fuzz.geometries --first {seeds[done]} --count 1\n{process.stderr[-2000:]}"
            )
            done += 1
    return Found(len(seeds), faults, kinks, compiled)


def search_on_all_cores(seeds: list[int]) -> Found:
    """Check these networks in as many child processes at once as there are cores."""
    processes = min(os.cpu_count() or 1, len(seeds))
    with ThreadPoolExecutor(processes) as pool:
        parts = list(pool.map(search, [seeds[n::processes] for n in range(processes)]))
    compiled = {task: sum(part.compiled[task] for part in parts) for task in TASKS}
    faults = [fault for part in parts for fault in part.faults]
    return Found(len(seeds), faults, sum(part.kinks for part in parts), compiled)


def main() -> int:
    """Search; the exit code says whether anything was wrong."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--first", type=int, default=0)
    options.add_argument("--count", type=int, default=COUNT)
    options.add_argument("--fresh", action="store_true", help="seeds from the clock, not from --first on")
    options.add_argument("--child", nargs="+", type=int, help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.child:
        child(asked.child)
        return 0
    first = int(time.time()) * 1000 if asked.fresh else asked.first
    answer = search_on_all_cores(list(range(first, first + asked.count)))
    print(*answer.faults, sep="\n", end="\n" * bool(answer.faults))
    shares = ", ".join(f"{task} {n}" for task, n in answer.compiled.items())
    counts = f"{answer.networks} from seed {first} on, {len(answer.faults)} faults, {answer.kinks} kinks"
    print(f"networks: {counts}; compiled: {shares}")
    return 1 if answer.faults else 0


if __name__ == "__main__":
    sys.exit(main())
