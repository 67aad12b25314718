"""What n counts and who decides a verdict, read from the sources of all experiments."""

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from experiments import catalogue
from experiments.experiment import INDEPENDENT, OVER

FOLDER = Path(catalogue.__file__).parent
MECHANISM = FOLDER / "experiment.py"  # makes rows: the only file that may give a verdict
FILES = sorted(set(FOLDER.rglob("*.py")) - {MECHANISM})
NUMBER_OF_OVER = 4  # its place among the arguments of `row`
JUDGED = re.compile(r"\b(held(?![ -]out\b)|contradicted|did not hold)\b", re.IGNORECASE)


def rows_without_over(tree: ast.Module) -> list[int]:
    """The lines of calls of `row` that do not say what n counts, directly or by a partial of it."""
    partials = {}
    for node in ast.walk(tree):
        for name, value in named_values(node):
            if is_partial_of_row(value):
                partials[name] = has_over(value, NUMBER_OF_OVER + 1)  # the first argument is `row`
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and (node.func.id == "row" or partials.get(node.func.id) is False)
        and not has_over(node, NUMBER_OF_OVER)
    ]


def has_over(call: ast.Call, place: int) -> bool:
    return over_of(call, place) is not None


def over_of(call: ast.Call, place: int) -> ast.expr | None:
    named = [keyword.value for keyword in call.keywords if keyword.arg == "over"]
    return named[0] if named else call.args[place] if len(call.args) > place else None


def is_partial_of_row(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "partial" and ast.unparse(node.args[0]) == "row"


def named_values(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """The names that an assignment gives, each with its value; those of tuples one by one."""
    if not isinstance(node, ast.Assign):
        return
    for target in node.targets:
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            pairs = zip(target.elts, node.value.elts, strict=True)
        else:
            pairs = [(target, node.value)]
        yield from ((name.id, value) for name, value in pairs if isinstance(name, ast.Name))


def words_over(tree: ast.Module) -> set[str]:
    """Every text that is written as `over`, directly or by a name of the file or of one that it imports."""
    assigned: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("experiments."):
            for alias in node.names:
                value = getattr(import_module(node.module), alias.name)
                assigned[alias.asname or alias.name] = [ast.Constant(value)] if isinstance(value, str) else []
        for name, value in named_values(node):
            assigned.setdefault(name, []).append(value)
    words = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        place = NUMBER_OF_OVER + is_partial_of_row(node)
        if ast.unparse(node.func) != "row" and not is_partial_of_row(node):
            continue
        over = over_of(node, place)
        for value in assigned.get(over.id, []) if isinstance(over, ast.Name) else [over]:
            words |= texts(value)
    return words


def texts(value: ast.expr | None) -> set[str]:
    """The texts that an expression writes; one that is put together counts as its source, which is no declared word."""
    if isinstance(value, ast.IfExp):
        return texts(value.body) | texts(value.orelse)
    if isinstance(value, ast.JoinedStr | ast.BinOp):
        return {ast.unparse(value)}
    return {value.value} if isinstance(value, ast.Constant) and isinstance(value.value, str) else set()


def verdicts_written(tree: ast.Module) -> list[str]:
    """Texts that say that a claim held or not. Docstrings may; so may comparisons, which read a verdict."""
    allowed = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            allowed |= {id(value) for value in ast.walk(node)}
    return [
        f"{node.lineno}: {node.value}"
        for node in sorted(ast.walk(tree), key=lambda node: getattr(node, "lineno", 0))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and JUDGED.search(node.value)
        if id(node) not in allowed
    ]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_row_says_in_declared_words_what_n_counts_and_none_writes_its_verdict(file):
    tree = ast.parse(file.read_text())
    assert rows_without_over(tree) == []
    assert words_over(tree) <= set(OVER)
    assert verdicts_written(tree) == []


def test_the_words_are_few_and_name_the_net_where_n_is_not_over_nets():
    assert set(INDEPENDENT) <= set(OVER)
    assert len(OVER) == len(set(OVER)) <= 30


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("row('x', None, 1, 3, 'nets')", []),
        ("row('x', None, 1, 3, over='nets')", []),
        ("row('x', None, 1, 3, unit='s')", [1]),
        ("each = partial(row, n=3, over='nets')\neach('x', None, 1)", []),
        ("each = partial(row, n=3)\neach('x', None, 1)", [2]),
        ("n, each = 3, partial(row, n=3)\neach('x', None, 1, over='nets')", []),
    ],
)
def test_a_row_without_over_is_found(source, lines):
    assert rows_without_over(ast.parse(source)) == lines


def test_words_and_verdicts_are_found():
    source = "ONE, two = 'a', 3\nrow('x', 1, 1, 3, ONE)\nrow('x', 1, 1, 3, over='b')\npartial(row, over='c')"
    assert words_over(ast.parse(source)) == {"a", "b", "c"}
    source = "row('x', 1, 1, 3, 'a' if few else 'b')\nrow('x', 1, 1, 3, f'{n} nets')"
    assert words_over(ast.parse(source)) == {"a", "b", "f'{n} nets'"}
    source = (
        "'''It held.'''\nx = f'{a} held here'\ny = 'held out'\nz = [v for v in w if v == 'held']\nu = 'contradicted'"
    )
    assert verdicts_written(ast.parse(source)) == ["2:  held here", "5: contradicted"]
