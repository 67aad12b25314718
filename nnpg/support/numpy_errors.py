"""NumPy's errors of shapes that do not fit, and of arrays in an `if`, in plain words."""

from __future__ import annotations

import re

_PLAIN = (
    (
        r"broadcast together with shapes (?P<first>\([\d,]+\)) (?P<second>\([\d,]+\))",
        "combines arrays of shapes {first} and {second} entry by entry, which do not fit",
    ),
    (
        r"matmul: .*size (?P<rows>\d+) is different from (?P<columns>\d+)",
        "multiplies matrices that do not fit: {columns} columns of the first, {rows} rows of the second",
    ),
    (
        r"boolean index did not match .*axis (?P<axis>\d+); .* is (?P<size>\d+) but .* is (?P<booleans>\d+)",
        "chooses entries by an array of booleans that does not fit: along axis {axis} it has the size {booleans} where "
        "{size} is right (np.where broadcasts it, an index does not; below stacked seeds a[..., mask] fits)",
    ),
    (
        r"remapped\]: (?P<given>\([\d,]+\)) +and requested shape (?P<needed>\([\d,]+\))",
        "gives an array of shape {given} where {needed} is needed (np.pad takes a pair of widths for each axis)",
    ),
    (
        r"remapped\]: (?P<first>\([\d,]+\))->\S+ (?P<second>\([\d,]+\))->",
        "gives einsum arrays of shapes {first} and {second} in which one letter has two sizes",
    ),
    (
        r"value array of shape (?P<given>\([\d,]*\)) could not be broadcast .* shape (?P<place>\([\d,]*\))",
        "writes an array of shape {given} to a place of shape {place}, which do not fit",
    ),
    (
        r"could not broadcast input array from shape (?P<given>\([\d,]*\)) into shape (?P<place>\([\d,]*\))",
        "writes an array of shape {given} to a place of shape {place}, which do not fit",
    ),
    (
        r"truth value of an array",
        "asks whether a whole array is true, as in `if x > 0`: each entry has its own (np.where takes both sides)",
    ),
)


def in_plain_words(text: str) -> str | None:
    """Return what code does that gets one of these errors, from the text of the error; None for any other.

    Examples
    --------
    >>> import numpy as np
    >>> try:
    ...     np.ones((2, 3)) * np.ones((3, 2))
    ... except ValueError as error:
    ...     print(in_plain_words(str(error)))
    combines arrays of shapes (2,3) and (3,2) entry by entry, which do not fit
    >>> in_plain_words("index 9 is out of bounds for axis 0 with size 2") is None
    True
    """
    for pattern, words in _PLAIN:
        if found := re.search(pattern, text):
            return words.format(**found.groupdict())
    return None
