"""The process that runs the emulated kernels of one source: what ends it ends no test."""

from __future__ import annotations

import atexit
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import IO, Any


class EmulationError(RuntimeError):
    """What a kernel did wrong."""


class Program:
    """The process that runs the kernels of one source. One that has ended is started again by the next launch."""

    def __init__(self, executable: Path) -> None:
        self.executable = executable
        self.process: subprocess.Popen[bytes] | None = None
        self.errors: IO[bytes] | None = None
        self.listed = self.start()

    def start(self) -> list[tuple[str, str]]:
        """Start it, and return the name and the types of each of its kernels."""
        pipe = subprocess.PIPE
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115
        atexit.register(self.close)
        self.process = subprocess.Popen([self.executable], stdin=pipe, stdout=pipe, stderr=self.errors, bufsize=0)
        lines = iter(lambda: self.process.stdout.readline().decode().rstrip("\n"), "")  # type: ignore[union-attr]
        return [(name, types) for name, types in (line.split("\t") for line in lines)]

    def ask(self, request: Sequence[bytes | memoryview], sizes: Sequence[int]) -> list[bytes]:
        """Send a request and return the pieces of memory that were written to, of these sizes."""
        if self.process is None:
            self.start()
        assert self.process is not None
        assert self.process.stdin is not None
        try:
            write_all(self.process.stdin, memoryview(b"".join(request)))
            (length,) = struct.unpack("q", self.read(8))
            if length:
                error = self.read(length).decode()
                self.close()  # its threads are where the error left them
                raise EmulationError(error)
            written, ends = self.read(sum(sizes)), list(accumulate(sizes))
            return [written[end - size : end] for size, end in zip(sizes, ends, strict=True)]
        except (BrokenPipeError, EOFError):
            raise EmulationError(self.obituary()) from None
        except KeyboardInterrupt:
            self.close()
            raise

    def read(self, size: int) -> bytes:
        assert self.process is not None
        assert self.process.stdout is not None
        parts, missing = [], size
        while missing:
            part = self.process.stdout.read(missing)
            if not part:
                raise EOFError
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def obituary(self) -> str:
        """Say how the process ended, with what it printed."""
        assert self.process is not None
        assert self.errors is not None
        status = self.process.wait()
        self.errors.seek(0)
        printed = self.errors.read().decode(errors="replace").strip()
        self.close()
        ended = {-14: "it did not end in time"}.get(status, f"its process ended with status {status}")
        return f"{ended}\n{printed}" if printed else ended

    def close(self) -> None:
        """End the process."""
        process, self.process = self.process, None
        atexit.unregister(self.close)
        if process is not None:
            process.kill()
            process.stdin.close()  # type: ignore[union-attr]
            process.stdout.close()  # type: ignore[union-attr]
            self.errors.close()  # type: ignore[union-attr]
            process.wait()

    def discard(self) -> None:
        """End the process, and delete the program."""
        self.close()
        self.executable.unlink(missing_ok=True)
        self.executable.with_suffix(".o").unlink(missing_ok=True)


def write_all(pipe: Any, data: memoryview) -> None:
    at = 0
    while at < data.nbytes:
        at += pipe.write(data[at:])
