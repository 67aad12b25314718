"""Which device the tests of the backend "cupy" have: NNPG_CUDA=emulated (make test), =device, or none."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

CUDA = os.environ.get("NNPG_CUDA", "")
if CUDA not in ("", "emulated", "device"):
    raise SystemExit(f"NNPG_CUDA must be emulated or device, not {CUDA!r}")
if CUDA == "emulated":
    sys.path.insert(0, str(Path(__file__).parent / "tests" / "cuda"))
    import stand_in

    stand_in.install()
# Copies that `make docs` makes, and its settings, are no tests.
collect_ignore = ["docs/conf.py", "docs/tutorials", "docs/records", "docs/kernels", "docs/lecture"]
if not CUDA:  # without a device, there is nothing in this module that could be imported
    collect_ignore += ["kernels/nnpg_kernels/cupy_backend.py"]
if find_spec("sphinx") is None:
    collect_ignore_glob = ["docs/nnpg_docs/*.py"]
