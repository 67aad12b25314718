"""Mutants of a function: each is the function with one place changed by a typical mistake."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator

ARITHMETIC = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
COMPARISONS = {ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Eq: ast.NotEq, ast.Is: ast.IsNot}
DROPPED = {"swapaxes", "transpose", "sum", "broadcast_to"}  # calls replaced by what they are called on
SWAPPED = {"zeros": "ones", "zeros_like": "ones_like"}
MEMORY_ONLY = {"_parts", "in_batches", "advance", "progress_bar", "threads_for"}  # their arguments change no answer

CHECKS = ("as_", "_numbers")  # how names of functions begin that return an argument in one form, or refuse it

LONG = 200  # letters of a statement that is not shown in full


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in the place of a node."""
    match node:
        case ast.BinOp(left, op, right):
            if type(op) in ARITHMETIC:
                yield ast.BinOp(left, ARITHMETIC[type(op)](), right)
            if isinstance(op, ast.MatMult):
                yield ast.BinOp(right, op, left)
            yield left
            yield right
        case ast.UnaryOp(ast.USub(), operand):
            yield operand
        case ast.Slice(lower, upper, step):
            if lower:
                yield ast.Slice(one_more(lower), upper, step)
            if upper:
                yield ast.Slice(lower, one_more(upper), step)
        case ast.Constant(value) if type(value) is int:
            yield ast.Constant(value + 1)
            yield ast.Constant(value - 1)
        case ast.Constant(value) if type(value) is bool:
            yield ast.Constant(not value)
        case ast.Compare(left, [op], right) if type(op) in COMPARISONS:
            yield ast.Compare(left, [COMPARISONS[type(op)]()], right)
        case ast.Call(ast.Attribute(value, name), arguments) if name in DROPPED:
            yield arguments[0] if name == "broadcast_to" else value
        case ast.Call(ast.Attribute(value, name), arguments, keywords) if name in SWAPPED:
            yield ast.Call(ast.Attribute(value, SWAPPED[name], ast.Load()), arguments, keywords)
        case ast.Call(ast.Attribute(_, "where") as where, [condition, yes, no]):
            yield ast.Call(where, [condition, no, yes], [])
        case ast.Attribute(value, "T"):
            yield value
        case ast.IfExp(_, body, orelse):
            yield body
            yield orelse
        case ast.AugAssign(target, ast.Add(), value):
            yield ast.AugAssign(target, ast.Sub(), value)
            yield ast.Pass()
        case ast.Assign([ast.Name(name)], ast.BinOp()) if name == "delta":
            yield ast.Pass()
        case ast.Return(ast.Dict(keys, values)):
            for n, value in enumerate(values):
                yield ast.Return(ast.Dict(keys, [*values[:n], negative(value), *values[n + 1 :]]))
        case ast.Return(ast.expr() as value) if not isinstance(value, ast.IfExp):
            yield ast.Return(negative(value))
        case ast.Dict(keys, values):
            for n, value in enumerate(values):
                yield ast.Dict(keys, [*values[:n], negative(value), *values[n + 1 :]])


def one_more(bound: ast.expr) -> ast.expr:
    return ast.BinOp(bound, ast.Add(), ast.Constant(1))


def negative(value: ast.expr) -> ast.UnaryOp:
    return ast.UnaryOp(ast.USub(), value)


Entry = tuple[ast.Dict, int] | None  # a dictionary, and one of its entries


def places(function: ast.FunctionDef) -> Iterator[tuple[ast.AST, str, int | None, ast.AST, ast.AST, Entry]]:
    """Every node of the body, as (parent, field, position in it, node, statement, entry of a dictionary).

    Not what only costs memory, nor what an argument is held against: `as_count(n, "n", least=1)` has tests of its own.
    """
    stack: list[tuple[ast.AST, ast.AST, Entry]] = [(function, function, None)]
    while stack:
        parent, statement, entry = stack.pop()
        called = name_of(parent.func) if isinstance(parent, ast.Call) else ""
        if called in MEMORY_ONLY:
            continue
        checks = called.startswith(CHECKS)
        for field, value in ast.iter_fields(parent):
            if (parent is function and field != "body") or (checks and field == "keywords"):
                continue
            for n, child in enumerate(value if isinstance(value, list) else [value]):
                if isinstance(child, ast.AST) and not (checks and n):
                    inside = child if isinstance(child, ast.stmt) else statement
                    within = (parent, n) if isinstance(parent, ast.Dict) and field == "values" else entry
                    stack.append((child, inside, within))
                    yield parent, field, n if isinstance(value, list) else None, child, inside, within


def name_of(function: ast.expr) -> str:
    """The last name of what is called."""
    return getattr(function, "attr", getattr(function, "id", ""))


def mutated(function: ast.FunctionDef) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Every mutant of a function, with its first changed line in words."""
    for place, (*_, node, _, _) in enumerate(places(function)):
        for choice in range(len(list(changes(node)))):
            mutant = copy.deepcopy(function)
            parent, field, n, old, statement, entry = list(places(mutant))[place]
            replacement = list(changes(old))[choice]
            if n is None:
                setattr(parent, field, replacement)
            else:
                getattr(parent, field)[n] = replacement
            shown = replacement if isinstance(replacement, ast.stmt) else statement
            text = ast.unparse(ast.fix_missing_locations(shown)).splitlines()[0]
            if isinstance(replacement, ast.Pass):
                text = f"without {ast.unparse(old)}"
            if len(text) > LONG:
                text = in_short(text, old, replacement, entry)
            yield text, ast.fix_missing_locations(mutant)


def in_short(text: str, old: ast.AST, replacement: ast.AST, entry: Entry) -> str:
    """Of a long statement, the entry of the dictionary that is changed, or the changed part of it."""
    if isinstance(old, ast.Dict) and isinstance(replacement, ast.Dict):
        changed = zip(old.values, replacement.values, strict=True)
        entry = replacement, next(n for n, (a, b) in enumerate(changed) if a is not b)
    if entry is None:
        return f"{text[:40]}... {ast.unparse(replacement)} for {ast.unparse(old)}"
    within, n = entry
    key = within.keys[n]
    return f"{'**' if key is None else ast.unparse(key)}: {ast.unparse(within.values[n])}"
