"""A struct of constants for the compiler: numbers are all of a program that is generated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def struct_of(
    name: str, single: Mapping[str, int], columns: Mapping[str, Sequence[int]], first: Sequence[str] = ()
) -> str:
    """Return numbers and arrays of numbers as a struct of constants, for the compiler, behind what comes `first`.

    Examples
    --------
    >>> print(struct_of("Net", {"BLOCKS": 2}, {"F": [3, 4]}, ["using Number = float"]), end="")
    struct Net {
        using Number = float;
        static constexpr int BLOCKS = 2;
        static constexpr int F[] = {3, 4};
    };
    """
    lines = [*first, *(f"static constexpr int {key} = {value}" for key, value in single.items())]
    lines += [f"static constexpr int {key}[] = {{{', '.join(map(str, of))}}}" for key, of in columns.items()]
    return "".join([f"struct {name} {{\n", *(f"    {line};\n" for line in lines), "};\n"])
