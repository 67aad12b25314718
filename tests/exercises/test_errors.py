"""Errors in a student's code: each gives one message, with the line of the file."""

from __future__ import annotations

import pytest
from exercises.answers.answer import written

from nnpg.exercises import EXERCISES
from nnpg.exercises.judging import Judgement, judge

HEAD = '"""Exercise dense: my answer."""\nimport numpy as np\n'


def of_code(code: str) -> Judgement:
    """Judge code that begins in line 3."""
    return judge(EXERCISES["dense"], HEAD + code)


ERRORS = {
    "no Python": ("def backward(delta, W)\n    return delta @ W", 3, "this is not Python: expected ':'"),
    "no indent": ("def backward(delta, W):\nreturn delta @ W", 4, "this is not Python: expected an indented block"),
    "no text": ("x = 'a\n", 3, "this is not Python: unterminated string"),
    "null": ("x = 1\0\n", None, "this is not Python"),
    "an error of the file": ("import no_such_module_anywhere\n", 3, "the file raises ModuleNotFoundError: No module"),
    "a wrong name": ("def bakward(delta, W):\n    return delta @ W", 3, "does not define backward; it defines bakward"),
    "no name": ("x = 3\n", None, "the file does not define backward: keep the name of the stub"),
    "no function": ("backward = 3\n", None, "does not define backward"),
    "an exception": ("def backward(delta, W):\n    a = 1\n    return delta @ V", 5, "raises NameError: name 'V'"),
    "shapes": ("def backward(delta, W):\n    return delta + np.ones(7)", 4, "called with delta (2, 3), W (3, 3)"),
    "an error below": (
        "def f(a):\n    return a[9]\ndef backward(delta, W):\n    return f(delta)",
        4,
        "backward raises IndexError: index 9 is out of bounds",
    ),
    "shapes that do not fit": (
        "def backward(delta, W):\n    return delta * W",
        4,
        "backward combines arrays of shapes (2,3) and (3,3) entry by entry, which do not fit, called with delta (2, 3)",
    ),
    "matrices that do not fit": (
        "def backward(delta, W):\n    return W @ delta",
        4,
        "backward multiplies matrices that do not fit: 3 columns of the first, 2 rows of the second, called with",
    ),
    "booleans that do not fit": (
        "def backward(delta, W):\n    return delta[W > 0]",
        4,
        "backward chooses entries by an array of booleans that does not fit: along axis 0 it has the size 3 where 2",
    ),
    "a pad of too few axes": (
        "def backward(delta, W):\n    return np.pad(delta[None], ((1, 1), (1, 1)))",
        4,
        "backward gives an array of shape (2,2) where (3,2) is needed (np.pad takes a pair of widths for each axis), ",
    ),
    "an einsum that does not fit": (
        "def backward(delta, W):\n    return np.einsum('ij,ik->jk', delta, W)",
        4,
        "backward gives einsum arrays of shapes (2,3) and (3,3) in which one letter has two sizes, called",
    ),
    "a value that does not fit its index": (
        "def backward(delta, W):\n    dx = delta * 0\n    dx[delta[:, 0] < 9] = W[0, :2]\n    return dx",
        5,
        "backward writes an array of shape (2,) to a place of shape (2,3), which do not fit, called",
    ),
    "a value that does not fit its slice": (
        "def backward(delta, W):\n    dx = delta * 0\n    dx[:, 0] = W[0]\n    return dx",
        5,
        "backward writes an array of shape (3,) to a place of shape (2,), which do not fit, called",
    ),
    "an array in an if": (
        "def backward(delta, W):\n    return delta if delta > 0 else W",
        4,
        "backward asks whether a whole array is true, as in `if x > 0`: each entry has its own (np.where",
    ),
    "a sentence": ("def backward(delta, W):\n    raise ValueError('No.')", 4, "raises ValueError: No, called with"),
    "too few arguments": ("def backward(delta):\n    return delta", 4, "takes 1 positional argument but 2 were given"),
    "None": ("def backward(delta, W):\n    delta @ W", 3, "backward returns None: end it with `return`"),
    "a list": ("def backward(delta, W):\n    return [1, 2]", 4, "backward must return an array, not list"),
    "complex": (
        "def backward(delta, W):\n    return delta @ W + 0j",
        4,
        "real numbers, not an array of type complex",
    ),
    "texts": ("def backward(delta, W):\n    return np.array('a')", 4, "real numbers, not an array of type <U1"),
    "a wrong shape": (
        "def backward(delta, W):\n    if True:\n        return delta[0, 0]\n    return delta",
        6,
        "backward: it returns an array of shape () where (2, 3) is right, called with",
    ),
    "in place": ("def backward(delta, W):\n    W[0] = 1\n    return delta @ W", 4, "writes into an array that it is"),
    "sorted in place": ("def backward(delta, W):\n    W.sort()\n    return W", 4, "writes into an array that it is"),
    "exit": ("def backward(delta, W):\n    exit()", 4, "backward ends Python: take out `exit`"),
    "exit of the file": ("raise SystemExit(0)\n", 3, "the file ends Python"),
    "recursion": ("def backward(delta, W):\n    return backward(delta, W)", 4, "backward calls itself without end"),
    "Ctrl-C of its own": ("def backward(delta, W):\n    raise KeyboardInterrupt", 4, "raises KeyboardInterrupt"),
    "NaN": ("def backward(delta, W):\n    return delta @ W * np.nan", 4, "NaN or infinity: a division by 0"),
    "random": (
        "def backward(delta, W):\n    return delta @ W + np.random.default_rng().normal(size=(len(delta), W.shape[1]))",
        4,
        "backward: 6 of 6 entries are wrong: no known pattern",
    ),
    "a terminal": ("def backward(delta, W):\n    raise ValueError('\\x1b[2J')", 4, "ValueError: \\x1b[2J"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_is_one_message_with_its_line(name: str) -> None:
    code, line, says = ERRORS[name]
    judgement = of_code(code)
    assert not judgement.right
    assert says in judgement.words
    assert judgement.words.isprintable()
    assert judgement.line == line


def test_precision_is_not_lost() -> None:
    judgement = judge(EXERCISES["dense"], written("dense", ("return (delta @ W).astype(np.float32)",)))
    assert not judgement.right
    assert "perhaps by float32" in judgement.words or "backward" in judgement.words


def test_a_layer_may_be_a_dataclass_and_have_types() -> None:
    code = """
from __future__ import annotations
from dataclasses import dataclass
from typing import ClassVar
import numpy as np

@dataclass(frozen=True)
class LeakyReLU:
    slope: float
    parameters: ClassVar[tuple[str, ...]] = ()

    def forward(self, k, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.where(x > 0, x, self.slope * x), x > 0

    def backward(self, k, delta, saved):
        return np.where(saved, delta, self.slope * delta)

    def gradients(self, k, delta, saved):
        return {}
"""
    judgement = judge(EXERCISES["leaky_relu"], code)
    assert judgement.right, judgement.words


def test_the_file_is_compiled_without_the_switches_of_the_library() -> None:
    judgement = of_code("def backward(delta, W: int):\n    return delta @ W * (backward.__annotations__['W'] is int)")
    assert judgement.right, judgement.words
