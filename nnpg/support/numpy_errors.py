"""NumPy's errors of shapes that do not fit, in plain words."""

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
)


def in_plain_words(text: str) -> str | None:
    """Return what code does whose arrays do not fit, from the text of NumPy's error; None for any other error.

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
