"""Checks the types in the comments of the JavaScript files with TypeScript, where Node has it or can install it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TYPESCRIPT = "typescript@7.0.2"


def main() -> int:
    npx = shutil.which("npx")
    if npx is None:
        print("types of the scripts: not checked, as there is no npx: install Node and npm")
        return 0
    tsc = [npx, "--yes", "--package", TYPESCRIPT, "tsc"]
    once = {**os.environ, "npm_config_fetch_retries": "0"}
    version = subprocess.run([*tsc, "--version"], cwd=ROOT, env=once, capture_output=True, text=True)
    if version.returncode:
        first = (version.stderr.strip() or "npx failed").splitlines()[0]
        print(f"types of the scripts: not checked, as npx cannot install {TYPESCRIPT}: {first}")
        return 0
    return subprocess.run([*tsc, "--project", str(ROOT)], cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
