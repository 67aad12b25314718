"""The rules for imports and files: only from lower layers, no circles, no private names, small files."""

from __future__ import annotations

import ast
import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from house import CHECKOUT, Import, circles, imports, modules, place, room, tree

# A room imports from the lines below its own only. A room is a folder or a module at the root of nnpg; the other
# packages are one room each. `nnpg` alone is nnpg/__init__.py, which gathers the public names.
LAYERS = """
    nnpg_docs
    experiments  benchmarks
    nnpg.__main__
    nnpg.cli
    nnpg
    nnpg.lecture
    nnpg.explorer
    nnpg.report  nnpg.training_methods
    nnpg.attacks  nnpg.maps  nnpg.explanation  nnpg.exercises
    nnpg.rankings  nnpg.analysis  nnpg.gradient_check
    nnpg.knockout  nnpg.training  nnpg.recipes  nnpg.jobs
    nnpg.scores
    nnpg.class_gradients
    nnpg.prediction  nnpg.data
    nnpg.programs  nnpg.plots  nnpg.tutorials
    nnpg.files
    nnpg.optimisers  nnpg.seeds
    nnpg.losses  nnpg.divergence
    nnpg.network
    nnpg.trace  nnpg.batches  nnpg.interventions  nnpg.layers
    nnpg.support
    nnpg_kernels
    nnpg_command
"""
HEIGHT = {name: -height for height, line in enumerate(LAYERS.split("\n")) for name in line.split()}

LINES_AT_MOST = 300
SCRIPT_LINES_AT_MOST = 400
# Longer files and fuller folders, each with the reason. One that is no longer so must be deleted here.
LONGER = {
    "nnpg/lecture/steps.py": "the text of the lecture, its twelve steps",
    "nnpg/prediction.py": "the prediction gradient: its definition, its batches and its result, read together",
    "nnpg/training.py": "one loop, compiled and layer by layer, with its result: read together",
    "nnpg/network.py": "one value, its three passes, and the networks that are made from it: read together",
    "tests/data/test_download.py": "one law for each way a download can fail",
    "tests/data/test_hostile.py": "one law for each kind of hostile file",
    "tests/data/test_loaders.py": "the same laws of six loaders, side by side",
    "tests/files/test_networks.py": "one law for each part of a model file",
    "tests/fuzz/command_lines.py": "a table of wrong command lines",
    "tests/fuzz/wrong_values.py": "a table of kinds of arguments",
    "tests/gradient_check/test_gradient_check.py": "one law for each fault that the check must name",
    "tests/kernels/test_compilation.py": "one law for each way a kept kernel can be wrong",
    "tests/mutation/programs.py": "a table of programs and of what each computes",
    "tests/mutation/same.py": "a list of mutants that compute the same",
    "tests/plots/test_every_figure.py": "a table of figures",
    "tests/rankings/test_rankings.py": "one law for each ranking",
    "tests/test_results.py": "a table of results and of what each prints",
}
FILES_AT_MOST = 15
FULLER = {"tests/fuzz/calls": "one file for each room of the library"}


def rooms_of(arrow: Import) -> tuple[str, str]:
    return room(arrow.importer), room(arrow.module)


def imports_between(rooms: tuple[str, str]) -> str:
    """List the imports of one room in another."""
    return "\n".join(f"  {arrow}" for arrow in imports() if rooms_of(arrow) == rooms)


def arrows() -> set[tuple[str, str]]:
    """Return every pair of rooms of which the first imports from the second."""
    return {(tail, head) for tail, head in map(rooms_of, imports()) if tail != head}


def test_every_room_has_its_place_in_the_layers():
    rooms = {room(module) for module in modules()}
    assert rooms - set(HEIGHT) == set(), "new: put it in LAYERS, above all that it imports"
    assert set(HEIGHT) - rooms == set(), "gone: take it out of LAYERS"


def test_arrows_only_point_down():
    up = {(tail, head) for tail, head in arrows() if HEIGHT[head] >= HEIGHT[tail]}
    listed = "\n".join(f"{tail} -> {head}:\n{imports_between((tail, head))}" for tail, head in sorted(up))
    assert not listed, (
        f"these imports point up in LAYERS, or to the same line:\n{listed}\n"
        "Move what is imported to a lower room, pass it as an argument, or describe it by a Protocol."
    )


def test_there_are_no_circles_between_rooms():
    listed = "\n".join(
        " -> ".join(circle) + "".join(f"\n{imports_between(pair)}" for pair in itertools.pairwise(circle))
        for circle in circles(arrows())
    )
    assert not listed, f"cut each of these circles at one arrow:\n{listed}"


def test_there_are_no_circles_between_files():
    pairs = ((arrow.importer, arrow.module) for arrow in imports())
    listed = "\n".join(" -> ".join(circle) for circle in circles(pairs))
    assert not listed, f"cut each of these circles at one import:\n{listed}"


def private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def private_names_of(module: str) -> set[str]:
    """Return the private names that a file gives to functions, classes, fields and variables of its own."""
    names = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.add(node.attr)
    return set(filter(private, names))


def private_uses() -> Iterator[str]:
    """Yield each private name of one file that another file imports, or reaches as an attribute.

    What a named tuple of the standard library calls private (``row._asdict()``) is public.
    """
    for arrow in imports():
        if private(arrow.module.split(".")[-1]) or private(arrow.name or ""):
            yield str(arrow)
    owners = {module: private_names_of(module) for module in modules()}
    everywhere = set().union(*owners.values()) - {"_asdict", "_fields", "_make", "_replace"}
    for module, names in owners.items():
        for node in ast.walk(tree(module)):
            reached = isinstance(node, ast.Attribute) and ast.unparse(node.value) not in {"self", "cls"}
            if reached and node.attr in everywhere - names:
                yield f"{place(module, node.lineno)}: {ast.unparse(node)}"


def test_no_private_name_is_used_in_another_file():
    listed = "\n  ".join(sorted(private_uses()))
    assert not listed, f"give these a public name where they are made, or do without:\n  {listed}"


def public_names_of(module: str) -> set[str]:
    """Return the public functions and classes that a file makes."""
    made = (node for node in tree(module).body if isinstance(node, ast.FunctionDef | ast.ClassDef))
    return {node.name for node in made if not private(node.name)}


def hidden_modules() -> set[str]:
    """Return the modules of which the dotted name finds a function or a class, and those that could be taken for one.

    ``from nnpg.data.faces import faces`` in ``nnpg/data/__init__.py`` makes ``nnpg.data.faces`` the function.
    """
    bound = {(arrow.importer, arrow.name) for arrow in imports() if modules()[arrow.importer].name == "__init__.py"}
    hidden = set()
    for module in modules():
        package, _, name = module.rpartition(".")
        if package and ((package, name) in bound or name in public_names_of(package)):
            hidden.add(module)
        if module.startswith("nnpg.") and name in public_names_of(module):
            hidden.add(module)
    return hidden


def test_no_module_has_the_name_of_a_public_function_beside_it():
    assert hidden_modules() == set(), "rename the module: modules are nouns, functions are verbs"


def all_files() -> list[Path]:
    return [*modules().values(), *sorted((CHECKOUT / "tests").rglob("*.py"))]


def test_no_file_is_long_without_a_reason():
    lengths = {str(file.relative_to(CHECKOUT)): len(file.read_text().splitlines()) for file in all_files()}
    long = {file: lines for file, lines in lengths.items() if lines > LINES_AT_MOST}
    assert {file: lines for file, lines in long.items() if file not in LONGER} == {}, (
        f"more than {LINES_AT_MOST} lines: split the file by its ideas, or write the reason in LONGER"
    )
    assert set(LONGER) - set(long) == set(), "short, moved or gone: delete them from LONGER"


def test_no_script_is_long():
    scripts = [file for tree in ("nnpg", "tests") for file in (CHECKOUT / tree).rglob("*.js")]
    lengths = {str(file.relative_to(CHECKOUT)): len(file.read_text().splitlines()) for file in scripts}
    assert "nnpg/explorer/engine.js" in lengths
    long = {file: lines for file, lines in lengths.items() if lines > SCRIPT_LINES_AT_MOST}
    assert long == {}, f"more than {SCRIPT_LINES_AT_MOST} lines: split the script by its ideas"


def test_no_folder_holds_many_files():
    counts = Counter(str(file.parent.relative_to(CHECKOUT)) for file in all_files())
    full = {folder: count for folder, count in counts.items() if count > FILES_AT_MOST}
    assert {folder: count for folder, count in full.items() if folder not in FULLER} == {}, (
        f"more than {FILES_AT_MOST} files: make rooms, or write the reason in FULLER"
    )
    assert set(FULLER) - set(full) == set(), "no longer full: delete them from FULLER"
