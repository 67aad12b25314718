"""One word a thing, in one place: the parameters that many public functions share."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from house import modules, tree

# Optional keywords that end a signature, in this order
LAST = ("memory_mb", "rng", "batch", "checkpoint", "resume", "progress")
# Words that are not used for a parameter, and the one that is
RETIRED = {"changed": "adversarial", "upto": "stop", "until": "stop", "own": "a noun", "some": "a noun"}


def public_functions() -> Iterator[tuple[str, ast.arguments]]:
    """Yield the public functions and methods of the library by dotted name, with their parameters."""
    for module in modules():
        if module.split(".")[0] == "nnpg":
            for node in ast.walk(tree(module)):
                if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                    yield f"{module}.{node.name}", node.args


def test_shared_keywords_end_a_signature_in_one_order() -> None:
    for name, arguments in public_functions():
        defaults = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        optional = [argument.arg for argument, default in defaults if default is not None]
        shared = [keyword for keyword in LAST if keyword in optional]
        assert optional[len(optional) - len(shared) :] == shared, f"{name}: {', '.join(optional)}"


def test_no_parameter_has_a_retired_name() -> None:
    for name, arguments in public_functions():
        names = {argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
        assert {retired: RETIRED[retired] for retired in names & set(RETIRED)} == {}, name
