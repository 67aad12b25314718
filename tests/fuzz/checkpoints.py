"""Damaged checkpoints: from each, work goes on to the same bits, or the file is refused by name.

python -m fuzz.checkpoints                      4,000 files, and how many came to what
python -m fuzz.checkpoints --count 100 --seed 7
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from fuzz.damage import damaged
from fuzz.kills import WORKS, work
from nnpg import ModelFileError
from nnpg.files.checkpoints import OtherRunError


def fuzz(count: int, seed: int) -> tuple[Counter[str], list[str]]:
    """Damage that many checkpoints and go on from each; return how many came to what, and what is wrong."""
    counts, wrong = Counter[str](), list[str]()
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "checkpoint.safetensors"
        wholes = {}
        for kind in WORKS:
            expected = work(kind, "numpy", file)
            wholes[kind] = expected, file.read_bytes()
            file.unlink()
        for n in range(count):
            rng = np.random.default_rng([seed, n])
            kind = WORKS[n % len(WORKS)]
            expected, whole = wholes[kind]
            content, way = damaged(whole, rng)
            file.write_bytes(content)
            try:
                arrays = work(kind, "numpy", file)
                same = all(a.tobytes() == arrays[key].tobytes() for key, a in expected.items())
                verdict, words = ("same", "") if same else ("finding", "it goes on to other bits")
            except (ModelFileError, OtherRunError) as error:
                named = str(error).startswith(str(file)) and str(error).isprintable()
                verdict, words = ("refused" if named else "finding"), str(error)
            except Exception as error:  # which it is makes the finding
                verdict, words = "finding", f"{type(error).__name__}: {error}"
            counts[verdict] += 1
            if verdict == "finding":
                wrong.append(f"{kind}, file {n} ({way}): {words[:400]}")
    return counts, wrong


def main() -> int:
    """Run the search; the exit code says whether anything was found."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--count", type=int, default=4_000)
    options.add_argument("--seed", type=int, default=0)
    asked = options.parse_args()
    counts, wrong = fuzz(asked.count, asked.seed)
    print(*wrong, sep="\n", end="\n" * bool(wrong))
    print(
        f"checkpoints: {asked.count} damaged, {counts['same']} went on to the same bits, "
        f"{counts['refused']} refused by name, {counts['finding']} findings"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
