"""`python -m mutation path|programs [--share N] [--only MODULE]`: break the code; print what nothing noticed."""

from __future__ import annotations

import argparse
import importlib
import sys

from mutation.forks import report
from mutation.same import SAME


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m mutation", description=__doc__)
    parser.add_argument("what", choices=["path", "programs"], help="the straight path, or the compiled programs")
    parser.add_argument("--share", type=int, default=1, help="try every N-th mutant only")
    parser.add_argument("--only", default="", help="modules whose name contains this")
    asked = parser.parse_args()
    targets = importlib.import_module(f"mutation.{asked.what}").TARGETS
    return int(report([target for target in targets if asked.only in target.module], SAME, asked.share) > 0)


if __name__ == "__main__":
    sys.exit(main())
