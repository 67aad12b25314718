"""How many images are in memory at a time."""

from __future__ import annotations

from nnpg.support.arguments import as_count


def in_batches(N: int, batch: int | None, suits: int) -> list[slice]:
    """Return the slices of N images that are taken at a time; at least one, which may be empty.

    Parameters
    ----------
    N : int
    batch : int or None
        Images at a time, as the caller asks for it.
    suits : int
        Images at a time where `batch` is None.

    Raises
    ------
    TypeError, ValueError
        If `batch` is not a whole number of at least 1.

    Examples
    --------
    >>> in_batches(5, None, suits=3)
    [slice(0, 3, None), slice(3, 6, None)]
    >>> in_batches(5, -1, suits=3)
    Traceback (most recent call last):
    ...
    ValueError: batch must be a whole number of at least 1, not -1
    """
    step = suits if batch is None else as_count(batch, "batch")
    return [slice(n, n + step) for n in range(0, max(1, N), max(1, step))]
