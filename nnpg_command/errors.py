"""From an exception to one line and an exit code."""

from __future__ import annotations

import errno
from collections.abc import Mapping

from nnpg_command.text import one_line

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130

_PATHS = {  # errors of the system that mean a wrong path
    errno.ENOENT,
    errno.EEXIST,
    errno.EISDIR,
    errno.ENOTDIR,
    errno.ENOTEMPTY,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENAMETOOLONG,
    errno.ELOOP,
    errno.EINVAL,
    errno.ENXIO,
    errno.ENODEV,
}


class UsageError(ValueError):
    """The command asked for something that does not exist or cannot be."""


class Interrupted(Exception):
    """Ctrl-C, with a sentence that says what was saved."""


class Failures(ExceptionGroup[Exception]):
    """The parts of a work that failed, while its other parts were done; the message lists them by name."""

    @classmethod
    def of(cls, kind: str, errors: Mapping[str, Exception], total: int) -> Failures:
        """Return the error for these parts of a work of `total` parts, such as "jobs".

        Examples
        --------
        >>> str(Failures.of("jobs", {"seed 3": ValueError("no data")}, 4))
        '1 of 4 jobs failed: seed 3: no data'
        """
        return cls(f"{len(errors)} of {total} {kind} failed: {listed(errors)}", list(errors.values()))

    def __str__(self) -> str:
        return self.message


def listed(errors: Mapping[str, BaseException]) -> str:
    """Return what went wrong in each part of a work, on one line; parts with the same words are named together.

    Examples
    --------
    >>> listed({"seed 3": ValueError("no data"), "seed 4": ValueError("no images"), "seed 5": ValueError("no data")})
    'seed 3, seed 5: no data; seed 4: no images'
    """
    names = dict[str, list[str]]()
    for name, error in errors.items():
        names.setdefault(line_of(error), []).append(name)
    return "; ".join(f"{', '.join(alike)}: {line}" for line, alike in names.items())


def line_of(error: BaseException) -> str:
    """Return what an error says, on one line.

    Examples
    --------
    >>> line_of(ZeroDivisionError("division by zero"))
    'division by zero'
    """
    return one_line(_verdict(error)[0])


def verdict(error: BaseException) -> tuple[str, int]:
    """Return an error's line and exit code.

    Examples
    --------
    >>> verdict(KeyError("no output named 'pool9'"))
    ("error: no output named 'pool9'", 2)
    >>> verdict(FileNotFoundError(2, "No such file or directory", "a.npz"))
    ('error: a.npz: No such file or directory', 2)
    """
    if isinstance(error, Interrupted):
        return one_line(str(error)), INTERRUPTED
    text, code = _verdict(error)
    return f"error: {one_line(text)}", code


def _verdict(error: BaseException) -> tuple[str, int]:
    name = type(error).__name__
    if isinstance(error, Failures):
        return str(error), FAILED
    if hasattr(error, "format_message"):  # an error of Typer: a wrong option, argument or command
        context = getattr(error, "ctx", None)
        advice = f" (see: {context.command_path} --help)" if context else ""
        return error.format_message().replace("Value error, ", "") + advice, BAD_INPUT
    if isinstance(error, OSError):
        text = error.strerror or str(error) or name
        if error.filename is not None:
            text = f"{error.filename}: {text}"
        by_type = isinstance(
            error, (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError)
        )
        return text, BAD_INPUT if by_type or error.errno in _PATHS else FAILED
    if isinstance(error, KeyError) and error.args:
        return str(error.args[0]), BAD_INPUT
    if isinstance(error, (ValueError, KeyError, IndexError, OverflowError, ImportError)):
        return str(error) or name, BAD_INPUT
    if isinstance(error, MemoryError):
        return f"not enough memory: {error}" if str(error) else "not enough memory", FAILED
    if isinstance(error, ArithmeticError):  # training diverged
        return str(error) or name, FAILED
    return f"{name}: {error}. This should not happen; --debug shows where it came from", FAILED
