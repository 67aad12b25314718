"""Ctrl-C at random moments of every long command: how long it takes to end, what it says, and what it leaves.

Each must end with exit code 130 and one line that begins with "stopped", within a second, and leave only whole files.
At length: python -m fuzz.interrupts. Moments at which Python itself is still starting are counted apart.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fuzz.command_files import prepare
from nnpg.files.header import read_header

ROOT = Path(__file__).parent.parent.parent
WITHIN = 1.0  # seconds

DOWNLOAD = """
from nnpg_command import main

def command(words):
    from nnpg.data import download as module
    module.SOURCES["mnist"] = module.Source("mnist", {{"a.gz": "0" * 64}}, ("{url}",))
    return module.command(words)

main(command, ["mnist", "--data-dir", "{out}/data"])
"""
API = """
import sys
try:
    import numpy as np, nnpg
    from nnpg.attacks import minimal_distortion
    net = nnpg.build([nnpg.conv(8, 5), nnpg.Tanh(), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(10), nnpg.Softmax()],
                     input_shape=(1, 28, 28), rng=0)
    x = np.random.default_rng(0).random((20_000, 1, 28, 28), np.float32)
    labels = np.arange(len(x)) % 10
    {call}
except KeyboardInterrupt:
    print("stopped", file=sys.stderr)
    sys.exit(130)
"""
COMMANDS = {  # words, and how many seconds it may run before the signal
    "help": (["-m", "nnpg", "--help"], 0.6),
    "train": (["-m", "nnpg", "train", "--epochs", "9999", "--checkpoint", "{out}/c.safetensors"], 6),
    "demo": (["-m", "nnpg", "demo", "--quick", "--out", "{out}/demo"], 8),
    "rank": (["-m", "nnpg", "rank", "{here}/model.safetensors", "--draw", "{out}/r.png", "--csv", "{out}/r.csv"], 3),
    "knockout": (["-m", "nnpg", "knockout", "{here}/model.safetensors", "--draw", "{out}/k.png"], 3),
    "explain": (
        ["-m", "nnpg", "explain", "{here}/model.safetensors", "--unit", "pool1:0,0,0", "--draw", "{out}/e.svg"], 3,
    ),
    "gradcheck": (["-m", "nnpg", "gradcheck", "cifar_net"], 4),
    "experiments run": (["-m", "experiments", "run", "LD-0", "--scale", "smoke", "--out", "{out}/out"], 8),
    "experiments run in processes": (
        ["-m", "experiments", "run", "LD-0", "--set", "dataset=faces", "--out", "{out}/out"],
        8,
    ),
    "benchmarks": (["-m", "benchmarks", "cpu", "--only", "W1-b1", "--json", "{out}/b.json"], 8),
    "download": (["-c", DOWNLOAD], 2),
    "attack by the API": (["-c", API.format(call="minimal_distortion(net, x, 'random', labels=labels, rng=0)")], 5),
    "one batch, compiled": (["-c", API.format(call="[nnpg.predict(net, x, batch=len(x)) for _ in range(100)]")], 5),
    "one batch, layer by layer": (["-c", API.format(call="[net.forward(x) for _ in range(100)]")], 6),
    "exercise check": (["-m", "nnpg", "exercise", "check", "{here}/endless.py"], 5),
}  # fmt: skip
BY_API = ("attack by the API", "one batch, compiled", "one batch, layer by layer")


class Ending(NamedTuple):
    """How a process ended: seconds after the signal (None: it was done before), its exit code, and what it said."""

    after: float | None
    code: int
    err: str


class _Slow(BaseHTTPRequestHandler):
    """Sends a file that never ends, a little at a time."""

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(10**8))
        self.end_headers()
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(bytes(20_000))
                time.sleep(0.02)


@contextlib.contextmanager
def slow_server() -> Iterator[str]:
    """Yield the address of a server that never comes to the end of a file."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Slow) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


def interrupted(words: list[str], moment: float, whole_group: bool) -> Ending:
    """Start a command, send it SIGINT at that moment (to its children too, as a terminal does), and wait."""
    env = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'kernels'}", "NO_PROXY": "127.0.0.1"}
    process = subprocess.Popen(
        [sys.executable, *words],
        cwd=ROOT,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            _, err = process.communicate(timeout=moment)
            return Ending(None, process.returncode, err)
        except subprocess.TimeoutExpired:
            pass
        sent = time.monotonic()
        if whole_group:
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.send_signal(signal.SIGINT)
        try:
            _, err = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            _, err = process.communicate()
        return Ending(time.monotonic() - sent, process.returncode, err)


def starting(ending: Ending) -> bool:
    """Whether the signal came before the first line of the program: Python itself then ends as it does."""
    return (ending.code in (-signal.SIGINT, 130, 1) and "Traceback" in ending.err and str(ROOT) not in ending.err) or (
        ending.code == -signal.SIGINT and not ending.err
    )


def faults(ending: Ending, out: Path, within: float) -> list[str]:
    """Say what is wrong with an ending."""
    wrong = [f"{path.name}: {why}" for path in sorted(out.rglob("*")) if path.is_file() and (why := _broken(path))]
    if ending.after is None:
        return wrong + ([] if ending.code == 0 else [f"it failed by itself: {ending.err[-300:]!r}"])
    if starting(ending) or (ending.code == 0 and not ending.err and ending.after <= within):  # all was done already
        return wrong
    if ending.code != 130:
        wrong.append(f"exit code {ending.code}")
    lines = [line for line in ending.err.splitlines() if not line.startswith("note: ")]
    if len(lines) != 1 or not lines[0].startswith("stopped"):
        wrong.append(f"it said {ending.err[-600:]!r}")
    if ending.after > within:
        wrong.append(f"it took {ending.after:.2f} s")
    return wrong


def _broken(path: Path) -> str:
    """What is wrong with a file that was left, or "". What a download has is kept as `.part`, to go on from there."""
    content = path.read_bytes()
    if path.name.startswith(".") or path.name.startswith("tmp"):
        return "a temporary file"
    try:
        if path.suffix == ".safetensors":
            with path.open("rb") as file:
                read_header(file, path)
        elif path.suffix == ".json":
            json.loads(content)
        elif path.suffix == ".png" and not content.endswith(b"IEND\xaeB`\x82"):
            return "half a picture"
        elif path.suffix == ".html" and not content.endswith(b"</html>\n"):
            return "half a page"
    except ValueError as error:
        return str(error)
    return ""


def search(rounds: int, seed: int, within: float, names: list[str] | None = None) -> tuple[Counter[str], list[str]]:
    """Interrupt each command so many times; return how often each thing happened, and what was wrong."""
    rng, counts, wrong = np.random.default_rng(seed), Counter[str](), []
    slowest = dict.fromkeys(COMMANDS, 0.0)
    with tempfile.TemporaryDirectory() as folder, slow_server() as url:
        here = Path(folder)
        prepare(here)
        for n in range(rounds):
            for name in names or COMMANDS:
                words, most = COMMANDS[name]
                moment = float(rng.uniform(0.1, most))
                with tempfile.TemporaryDirectory() as out:
                    arguments = [word.format(here=here, out=out, url=url) for word in words]
                    ending = interrupted(arguments, moment, whole_group=bool(n % 2))
                    problems = faults(ending, Path(out), within)
                kind = (
                    "done before" if ending.after is None else "Python was starting" if starting(ending) else "stopped"
                )
                counts[kind] += 1
                if kind == "stopped":
                    slowest[name] = max(slowest[name], ending.after or 0.0)
                wrong += [f"{name}, signal at {moment:.2f} s: {fault}" for fault in problems]
    for name, seconds in slowest.items():
        if seconds:
            print(f"  {name:32} ended at most {seconds:.2f} s after the signal")
    return counts, wrong


def main() -> int:
    """Interrupt every command at random moments; print the counts and what is wrong; return the number of faults."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=10, help="signals to each command")
    options.add_argument("--seed", type=int, default=0)
    asked = options.parse_args()
    counts, wrong = search(asked.rounds, asked.seed, WITHIN)
    for fault in wrong:
        print(fault)
    said = ", ".join(f"{kind} {number}" for kind, number in counts.items())
    print(f"interrupts: {counts.total()} ({said}), faults {len(wrong)}")
    return len(wrong)


if __name__ == "__main__":
    sys.exit(int(main() > 0))
