"""How much a data set may hold before it is refused, and how to allow more.

A file of a few kilobytes can ask for terabytes. So what a file says of itself is held against these limits before
anything is allocated or decoded, and what is decoded never grows beyond what the file said.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields, replace

from nnpg.data.dataset import DataError
from nnpg.support.arguments import as_count, as_instance

VARIABLES = {"megabytes": "NNPG_MAX_MEGABYTES", "megapixels": "NNPG_MAX_MEGAPIXELS", "classes": "NNPG_MAX_CLASSES"}


@dataclass(frozen=True)
class Limits:
    """The most that a data set may hold.

    Parameters
    ----------
    megabytes : int
        Memory of all its images as float32, and of any other array of a file; in units of 10^6 bytes.
    megapixels : int
        Width times height of one image file; in units of 10^6 pixels.
    classes : int

    Examples
    --------
    >>> Limits(classes=10).check("classes", 11, "a.npz: the labels")
    Traceback (most recent call last):
        ...
    nnpg.data.dataset.DataError: a.npz: the labels: 11 classes are more than the limit of 10; ... NNPG_MAX_CLASSES...
    """

    megabytes: int = 8_000
    megapixels: int = 50
    classes: int = 100_000

    def __post_init__(self) -> None:
        for field in fields(self):
            as_count(getattr(self, field.name), f"Limits: {field.name}")

    def check(self, what: str, number: int, where: str) -> None:
        """Raise DataError if the number is above the limit `what`; the message says how to raise the limit."""
        limit = getattr(self, what)
        if number > limit:
            raise DataError(
                f"{where}: {number:,} {what} are more than the limit of {limit:,}; if the file is what it should be, "
                f"set {VARIABLES[what]}={number} or pass limits=Limits({what}={number})"
            )

    def check_bytes(self, number: int, where: str) -> None:
        """Raise DataError if so many bytes are above the limit."""
        self.check("megabytes", -(-number // 10**6), where)


def limits_for(given: Limits | None) -> Limits:
    """Return the limits given, else those of the environment, else the usual ones.

    Raises
    ------
    DataError
        If a variable is not a whole number above 0.
    """
    if given is not None:
        return as_instance(given, Limits, "limits")
    limits = Limits()
    for field in fields(Limits):
        text = os.environ.get(VARIABLES[field.name], "")
        if not text:
            continue
        if not (text.isascii() and text.isdigit() and len(text) < 19 and int(text) > 0):
            raise DataError(f"{VARIABLES[field.name]} must be a whole number above 0, not {text!r}")
        limits = replace(limits, **{field.name: int(text)})
    return limits
