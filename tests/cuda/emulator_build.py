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
FLAGS = ["-std=c++17", "-O1", "-ffp-contract=off", "-U_FORTIFY_SOURCE", "-Wno-unknown-pragmas", "-fmax-errors=4"]
# -O1: g++ takes most of the time of most tests, and the small grids that then run take little of it.
FLAGS += ["-fno-tree-sink"]  # a number is loaded where the source loads it, and not where it is first used
SANITIZERS = ["-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
RACES = ["-gdwarf-4", "-fno-pie", "-fsanitize=thread"]  # calls races.cpp for each load and store
PIECES = ("fences", "fibers", "server")
LINKER = ["-fuse-ld=gold"] if shutil.which("ld.gold") else []  # in a quarter of the time


class CompilationError(RuntimeError):
    """What g++ says of a source."""


def executable(text: str, options: Sequence[str], sanitize: bool, races: bool) -> Path:
    """Return the program of the text of kernels."""
    common = [*FLAGS, *(SANITIZERS if sanitize else [])]
    pieces = [build(piece, None, common) for piece in (*PIECES, *(["races"] if races else []))]
    kernels = build("kernels", text, [*common, *options, *(RACES if races else [])])
    program = kernels.with_suffix("")
    if not program.exists():
        compiled([*common, *LINKER, "-no-pie", *map(str, (*pieces, kernels))], program)
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
    source = text if text is not None else (CPP / f"{piece}.cpp").read_text()
    kept = BUILD / f"{piece}-{key_of(source, flags)}.o"
    if not kept.exists():
        folders = [f"-I{folder}" for folder in ([CPP] if text is None else [header(flags), CPP])]
        compiled([*flags, "-c", *folders, "-x", "c++", "-"], kept, source)
    return kept


def header(flags: Sequence[str]) -> Path:
    """Compile cuda_cpu.h alone, unless it is kept, and return the folder in which g++ finds it before the source.

    To read the header takes half of the time that the kernels of a small network take.
    """
    flags = [flag for flag in flags if not flag.startswith(("-D", "-I"))]
    kept = BUILD / f"header-{key_of('', flags)}" / "cuda_cpu.h.gch"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        compiled([*flags, "-x", "c++-header", str(CPP / "cuda_cpu.h")], kept)
    return kept.parent


def key_of(text: str, flags: Sequence[str]) -> str:
    """Return a hash of a text, the flags, and the emulator: the text is linked to all of it."""
    emulator = "".join(source.read_text() for source in sorted(CPP.iterdir()))
    return hashlib.sha256("\0".join([text, emulator, *flags]).encode()).hexdigest()[:20]


def compiled(arguments: list[str], result: Path, text: str = "") -> None:
    """Run g++; its result appears whole or not at all."""
    if COMPILER is None:
        raise CompilationError("the emulator needs g++: install it")
    BUILD.mkdir(exist_ok=True)
    for kept in (*BUILD.iterdir(), *BUILD.glob("header-*/*")):
        if kept.is_file() and kept.stat().st_mtime < time.time() - DAYS_KEPT * 86400:
            kept.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        part = Path(folder) / "result"
        command = [COMPILER, *arguments, "-o", str(part)]
        done = subprocess.run(command, input=text, capture_output=True, text=True)
        if done.returncode:
            raise CompilationError(done.stderr)
        part.replace(result)
