"""The student's file as functions, and its errors as one sentence with a line of the file."""

from __future__ import annotations

import ast
import difflib
import re
import sys
import traceback
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from nnpg.exercises.exercise import Arguments, Exercise, Function, Part, Values
from nnpg.support.numpy_errors import in_plain_words
from nnpg_command import printable

MODULE = "nnpg_exercise"  # the name of the file as a module
CODE = "<your file>"  # the name under which Python knows the code; a line of a traceback with it is the student's
LOOPS = (ast.For, ast.While, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
HIDDEN_LOOPS = ("vectorize", "ndindex", "nditer", "ndenumerate", "apply_along_axis", "fromiter", "map")


class RefusedError(Exception):
    """What is wrong with the student's code, and in which line; `printed` is no part of it."""

    def __init__(self, words: str, line: int | None = None) -> None:
        super().__init__(words)
        self.words, self.line = words, line


def functions_of(exercise: Exercise, source: str) -> dict[str, Function]:
    """Run the student's file; return the function of each part, and what the file defines for it.

    Raises
    ------
    RefusedError
        If the file is no Python, raises an error, lacks a name, or loops where it may not.
    """
    try:
        code = compile(source, CODE, "exec", dont_inherit=True)
        tree = ast.parse(source, CODE)
    except SyntaxError as error:
        text = (error.text or "").strip()
        written = f": {printable(text)}" if text else ""
        raise RefusedError(f"this is not Python: {error.msg}{written}", error.lineno) from error
    except ValueError as error:
        raise RefusedError(f"this is not Python: {error}") from error
    if not exercise.loops:
        _check_loops(tree)
    module = ModuleType(MODULE)
    space = vars(module)
    sys.modules[MODULE] = module  # where a dataclass looks for the names of its types
    try:
        exec(code, space)
    except BaseException as error:  # sys.exit too is an error here
        raise RefusedError(_words_of(error, "the file"), line_of(error)) from error
    finally:
        del sys.modules[MODULE]
    names = {part.name: part.name.split(".")[0] for part in exercise.parts}  # of a method, the class
    defined = {name: _named(name, space, tree) for name in names.values()}
    return defined | {part.name: part.adapt(defined[names[part.name]]) for part in exercise.parts}


def result_of(part: Part, function: Function, question: Arguments, source: str) -> Values:
    """Call the student's function with arrays that cannot be written into; return its result as an array.

    Raises
    ------
    RefusedError
        If it raises an error, writes into an argument, or returns no array of numbers.
    """
    try:
        result = function(*map(read_only, question.values()))
    except RefusedError as refused:
        raise RefusedError(f"{part.name}: {refused.words}", return_line(source, part.name)) from refused
    except NotImplementedError as error:
        words = f"{part.name} is not written yet: replace the line `raise NotImplementedError`"
        raise RefusedError(words, line_of(error) or return_line(source, part.name)) from error
    except BaseException as error:
        words = f"{_words_of(error, part.name)}, called with {described(question)}"
        raise RefusedError(words, line_of(error) or return_line(source, part.name)) from error
    line = return_line(source, part.name)
    if result is None:
        raise RefusedError(f"{part.name} returns None: end it with `return` and the result", line)
    if not isinstance(result, np.ndarray | np.generic):
        raise RefusedError(f"{part.name} must return an array, not {type(result).__name__}", line)
    if result.dtype.kind not in "fiu":
        raise RefusedError(f"{part.name} must return real numbers, not an array of type {result.dtype}", line)
    return np.array(result, np.float64)


def read_only(argument: Any) -> Any:
    """Return an argument; of an array, a copy that cannot be written into."""
    if not isinstance(argument, np.ndarray):
        return argument
    copy = argument.copy()
    copy.flags.writeable = False
    return copy


def described(question: Arguments) -> str:
    """Return the arguments of a call in words: the shapes of arrays, other values as they are.

    Examples
    --------
    >>> described({"delta": np.zeros((2, 3)), "epsilon": 0.5})
    'delta (2, 3), epsilon 0.5'
    """
    return ", ".join(f"{name} {a.shape if isinstance(a, np.ndarray) else a}" for name, a in question.items())


def line_of(error: BaseException) -> int | None:
    """Return the last line of the student's file in the traceback of an error."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == CODE]
    return frames[-1].lineno if frames else None


def return_line(source: str, name: str) -> int | None:
    r"""Return the line of the last `return` of a function or method, or of its `def`.

    Examples
    --------
    >>> return_line("def backward(delta):\n    y = 2 * delta\n    return y\n", "backward")
    3
    """
    nodes: list[Any] = [ast.parse(source)]
    for word in name.split("."):
        nodes = [n for node in nodes for n in node.body if getattr(n, "name", None) == word]
    if not nodes:
        return None
    returns = [node.lineno for node in ast.walk(nodes[-1]) if isinstance(node, ast.Return)]
    return max(returns, default=nodes[-1].lineno)


def _named(name: str, space: dict[str, Any], tree: ast.Module) -> Any:
    if callable(space.get(name)):
        return space[name]
    kinds = ast.FunctionDef | ast.ClassDef
    defined = {node.name: node.lineno for node in tree.body if isinstance(node, kinds)}
    close = difflib.get_close_matches(name, defined, n=1, cutoff=0.5)
    line = defined[close[0]] if close else None
    other = f"; it defines {', '.join(defined)}" if defined else ""
    raise RefusedError(f"the file does not define {name}{other}: keep the name of the stub", line)


def _check_loops(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        name = getattr(node, "attr", None) or getattr(node, "id", None)
        if isinstance(node, LOOPS) or name in HIDDEN_LOOPS:
            kind = name or {"For": "a for loop", "While": "a while loop"}.get(type(node).__name__, "a loop in brackets")
            words = f"{kind} is not allowed in this exercise: let NumPy add, with sliding_window_view and einsum"
            raise RefusedError(words, getattr(node, "lineno", None))


def _words_of(error: BaseException, name: str) -> str:
    kind, text = type(error).__name__, printable(" ".join(str(error).split())).rstrip(".")
    if isinstance(error, ValueError) and "read-only" in text:
        return f"{name} writes into an array that it is given: work on a copy, because others read it too"
    if isinstance(error, SystemExit):
        return f"{name} ends Python: take out `exit`"
    if isinstance(error, EOFError):
        return f"{name} waits for input: take out `input`"
    if isinstance(error, RecursionError):
        return f"{name} calls itself without end"
    if words := in_plain_words(text):
        return f"{name} {words}"
    return f"{name} raises {kind}: {text}" if text else f"{name} raises {kind}"


def lines_of_traceback(text: str) -> Iterator[int]:
    """Yield the student's lines in a traceback of `faulthandler`, innermost first.

    Examples
    --------
    >>> list(lines_of_traceback('  File "<your file>", line 7 in backward'))
    [7]
    """
    for match in re.finditer(rf'File "{re.escape(CODE)}", line (\d+)', text):
        yield int(match[1])
