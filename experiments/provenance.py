"""Which code made a result, and on which processor."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

CHECKOUT = Path(__file__).resolve().parent.parent
SECONDS = 60  # that git may take
OF_ANOTHER_TREE = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")  # a hook's git points others at its own repository


class Code(NamedTuple):
    """The commit of a checkout, "" where there is none or it is not known; and the state of its tree in words."""

    commit: str
    tree: str  # "clean", "changed", "no checkout", or why it is not known


def code_of(folder: Path = CHECKOUT) -> Code:
    """Return the commit of a checkout, and whether its tree is clean: no file changed, and none that git does not know.

    It is no error if there is no checkout, as in an unpacked source distribution, or no git: `tree` says so.
    """
    if not (folder / ".git").exists():
        return Code("", "no checkout")
    try:
        commit, changes = (_git(folder, words) for words in (["rev-parse", "HEAD"], ["status", "--porcelain"]))
    except OSError:
        return Code("", "not known: git was not found")
    except subprocess.SubprocessError:
        return Code("", "not known: git failed")
    return Code(commit, "changed" if changes else "clean")


def changed_files(folder: Path = CHECKOUT) -> list[str]:
    """Return the files of a checkout that are changed, or that git does not know, relative to its root.

    Raises
    ------
    OSError, subprocess.SubprocessError
        If there is no git, or no checkout.
    """
    changes = _git(folder, ["status", "--porcelain", "-z", "--no-renames", "--untracked-files=all"])
    return [change[3:] for change in changes.split("\0") if change]


def is_ancestor(commit: str, folder: Path = CHECKOUT) -> bool:
    """Return whether a commit is that of the checkout or one before it.

    Raises
    ------
    OSError
        If there is no git.
    """
    try:
        _git(folder, ["merge-base", "--is-ancestor", commit, "HEAD"])
    except subprocess.CalledProcessError:
        return False
    return True


def _git(folder: Path, words: Sequence[str]) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in OF_ANOTHER_TREE}
    command = ["git", "--no-optional-locks", "-C", str(folder), *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=SECONDS)
    return done.stdout.rstrip()


@cache
def processor() -> str:
    """Return the processor's name, or its architecture where the system gives no name."""
    return name_in_cpuinfo() or platform.processor() or platform.machine() or "not known"


def name_in_cpuinfo(file: Path = Path("/proc/cpuinfo")) -> str:
    """Return the processor's name as Linux gives it; "" on other systems, and for processors without one."""
    try:
        lines = file.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return next((" ".join(line.partition(":")[2].split()) for line in lines if line.startswith("model name")), "")
