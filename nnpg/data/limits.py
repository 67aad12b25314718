"""The largest data set that is read, and how to allow a larger one.

A file of a few kilobytes can declare terabytes of content. The sizes that a file declares are therefore compared with
these limits before anything is allocated or decoded, and no more is decoded than the file declared.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields, replace

from nnpg.data.dataset import DataError
from nnpg.support.arguments import as_count, as_instance

VARIABLES = {"megabytes": "NNPG_MAX_MEGABYTES", "megapixels": "NNPG_MAX_MEGAPIXELS", "classes": "NNPG_MAX_CLASSES"}


@dataclass(frozen=True)
class Limits:
    """Upper limits on the content of a data set.

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

    def check(self, unit: str, number: int, source: str) -> None:
        """Raise DataError if a number is above the limit; the message says how to raise the limit.

        Parameters
        ----------
        unit : "megabytes", "megapixels" or "classes"
        number : int
        source : str
            Where the number comes from, for the message.
        """
        limit = getattr(self, unit)
        if number > limit:
            raise DataError(
                f"{source}: {number:,} {unit} are more than the limit of {limit:,}; if the file is correct, "
                f"set {VARIABLES[unit]}={number} or pass limits=Limits({unit}={number})"
            )

    def check_bytes(self, number: int, source: str) -> None:
        """Raise DataError if a number of bytes is above the limit of megabytes."""
        self.check("megabytes", -(-number // 10**6), source)


def limits_for(limits: Limits | None) -> Limits:
    """Return these limits; for None, the limits that the environment variables set, or else the default ones.

    Raises
    ------
    DataError
        If a variable is not a whole number above 0.
    """
    if limits is not None:
        return as_instance(limits, Limits, "limits")
    limits = Limits()
    for field in fields(Limits):
        text = os.environ.get(VARIABLES[field.name], "")
        if not text:
            continue
        if not (text.isascii() and text.isdigit() and len(text) < 19 and int(text) > 0):
            raise DataError(f"{VARIABLES[field.name]} must be a whole number above 0, not {text!r}")
        limits = replace(limits, **{field.name: int(text)})
    return limits
