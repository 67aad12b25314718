"""g++: from the text of kernels to a program, kept by the hash of all that goes into it."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

CPP = Path(__file__).parent / "cpp"
BUILD = Path(__file__).parent / "build"
DAYS_KEPT = 14
COMPILER = shutil.which("g++")
FLAGS = ["-std=c++17", "-O2", "-ffp-contract=off", "-U_FORTIFY_SOURCE", "-Wno-unknown-pragmas", "-fmax-errors=4"]
FLAGS += ["-fno-tree-sink"]  # a number is loaded where the source loads it, and not where it is first used
SANITIZERS = ["-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
RACES = ["-gdwarf-4", "-fno-pie", "-fsanitize=thread"]  # calls races.cpp for each load and store
PIECES = ("fences", "fibers", "server")


class CompilationError(RuntimeError):
    """What g++ says of a source."""


def executable(text: str, options: Sequence[str], sanitize: bool, races: bool) -> Path:
    """Return the program of the text of kernels."""
    common = [*FLAGS, *(SANITIZERS if sanitize else [])]
    pieces = [build(piece, None, common) for piece in (*PIECES, *(["races"] if races else []))]
    kernels = build("kernels", text, [*common, *options, *(RACES if races else [])])
    program = kernels.with_suffix("")
    if not program.exists():
        compiled([*common, "-no-pie", *map(str, (*pieces, kernels))], program)
    return program


def lines_of(program: Path, message: str) -> str:
    """Return a message with files and lines for the addresses in it."""

    def line(address: re.Match[str]) -> str:
        command = ["addr2line", "-e", str(program), hex(int(address[0], 16) - 1)]  # of the call, and not behind it
        place = subprocess.run(command, capture_output=True, text=True).stdout.split()[0]
        file, _, number = Path(place).name.rpartition(":")
        return f"{file}, line {number}"

    return re.sub(r"0x[0-9a-f]+", line, message)


def build(piece: str, text: str | None, flags: Sequence[str]) -> Path:
    """Compile a piece of the emulator, or the text of kernels, unless it is kept; return the object file."""
    emulator = "".join(source.read_text() for source in sorted(CPP.iterdir()))  # it is linked to all of them
    text = text if text is not None else (CPP / f"{piece}.cpp").read_text()
    key = hashlib.sha256("\0".join([text, emulator, *flags]).encode()).hexdigest()[:20]
    kept = BUILD / f"{piece}-{key}.o"
    if not kept.exists():
        compiled([*flags, "-c", f"-I{CPP}", "-x", "c++", "-"], kept, text)
    return kept


def compiled(arguments: list[str], result: Path, text: str = "") -> None:
    """Run g++; its result appears whole or not at all."""
    if COMPILER is None:
        raise CompilationError("the emulator needs g++: install it")
    BUILD.mkdir(exist_ok=True)
    for kept in BUILD.iterdir():
        if kept.is_file() and kept.stat().st_mtime < time.time() - DAYS_KEPT * 86400:
            kept.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        part = Path(folder) / "result"
        command = [COMPILER, *arguments, "-o", str(part)]
        done = subprocess.run(command, input=text, capture_output=True, text=True)
        if done.returncode:
            raise CompilationError(done.stderr)
        part.replace(result)
