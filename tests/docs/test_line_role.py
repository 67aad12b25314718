"""The links from an equation to its line: what they find, and what is refused."""

from __future__ import annotations

import pytest
from nnpg_docs.sources import LineError, find_line, find_object, modules


def test_a_text_names_the_one_line_of_its_object() -> None:
    line = find_line("nnpg.layers.linear.Conv.backward: k.conv_delta")
    text = modules()["nnpg.layers.linear"].read_text(encoding="utf-8").splitlines()[line.number - 1]
    assert line.text == text.strip()
    assert "k.conv_delta" in line.text
    assert line.place == f"nnpg/layers/linear.py:{line.number}"


def test_the_line_is_searched_in_the_object_only() -> None:
    dense = find_line("nnpg.layers.linear.Dense.gradients: dW = ")
    convolution = find_line("nnpg.layers.linear.Conv.gradients: dW = ")
    assert dense.number < convolution.number


def test_an_object_is_found_where_it_is_defined() -> None:
    assert find_object("nnpg.layers.linear.Dense").text == "class Dense:"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nnpg.layers.linear.Conv.backward: no such text", "no line of nnpg.layers.linear.Conv.backward has 'no such"),
        ("nnpg.layers.linear.Conv.gradients: delta", r"\d lines of .*Conv.gradients have 'delta' .*: name more of it"),
        ("nnpg.layers.linear.Convolution.backward: k", "nnpg.layers.linear defines no Convolution"),
        ("nnpg.layers.Conv.backward: k", "it imports it from nnpg.layers.linear, which is its true name"),
        ("numpy.dot: a", "no module of nnpg, .* has this name"),
        ("nnpg.layers.linear.Conv.backward", "expected the object, a colon, a space, and a part of the line"),
        ("nnpg.layers.linear.Conv.backward: ", "expected the object, a colon, a space, and a part of the line"),
    ],
)
def test_what_names_no_line_or_several_is_refused(target: str, message: str) -> None:
    with pytest.raises(LineError, match=message):
        find_line(target)
