"""The reference has every public name, once."""

from __future__ import annotations

import inspect
from importlib import import_module

from nnpg_docs.public_names import documented_as, modules_with_all, place_of, public_names, theme_of
from nnpg_docs.reference import plain_signature, plain_text
from nnpg_docs.themes import VALUES

KNOWN = {name for public in public_names() for name in (public.name, *public.others)}


def test_every_name_in_an_all_is_in_the_reference() -> None:
    listed = {f"{module}.{name}" for module in modules_with_all() for name in import_module(module).__all__}
    assert len(listed) > 200
    assert listed - KNOWN == set(), "add its module to a theme of docs/nnpg_docs/themes.py"


def test_every_name_has_a_theme_and_stands_once() -> None:
    names = [public.name for public in public_names()]
    assert len(set(names)) == len(names)
    assert all(theme_of(public) for public in public_names())


def test_a_name_is_documented_by_its_shortest_path() -> None:
    assert documented_as("nnpg.layers.linear.Conv") == documented_as("nnpg.layers.Conv") == "nnpg.Conv"
    assert documented_as("no_such_name") is None


def test_every_function_and_class_has_a_source_to_link() -> None:
    without = [name.name for name in public_names() if name.name not in VALUES and place_of(name) is None]
    assert without == []


def test_every_name_says_what_it_is() -> None:
    assert [public.name for public in public_names() if not public.summary] == []
    assert VALUES.keys() <= {public.name for public in public_names()}


def test_a_formula_of_a_docstring_stands_as_it_is_written() -> None:
    lines = [
        "Step.",
        "",
        "    x <- a * b,   |g|",
        "    x <- a",
        "",
        "For |g| > 0.",
        "",
        "Parameters",
        "----------",
        "    *a",
    ]
    plain_text(None, "function", "name", None, None, lines)  # type: ignore[arg-type]
    assert lines[2:6] == ["::", "", "    x <- a * b,   |g|", "    x <- a"]
    assert lines[7] == r"For \|g\| > 0."
    assert lines[-1] == r"    \*a"


def test_a_signature_names_no_file_of_this_machine() -> None:
    def shown(signature: str) -> str | None:
        return plain_signature(None, "function", "name", None, None, signature, None)[0]  # type: ignore[arg-type]

    assert shown(f"(units, xp={inspect})") == "(units, xp=inspect)"
    assert shown(f"(dtype={float}, write={shown}, kept=<factory>)").startswith("(dtype=float, write=")  # type: ignore[union-attr]
    assert shown("(a, b=0.5)") == "(a, b=0.5)"
