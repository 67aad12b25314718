"""Where data sets lie on this machine."""

from __future__ import annotations

import os
from pathlib import Path


def data_folder(given: str | os.PathLike[str] | None = None) -> Path:
    """Folder that holds the data sets: the one given, else NNPG_DATA, else the platform's cache.

    Parameters
    ----------
    given : path, optional
        What the caller asked for (``--data-dir``).

    Examples
    --------
    >>> data_folder("my/data").as_posix()
    'my/data'
    """
    if given is not None:
        return Path(given).expanduser()
    if os.environ.get("NNPG_DATA"):
        return Path(os.environ["NNPG_DATA"]).expanduser()
    import pooch

    return Path(pooch.os_cache("nnpg"))


def inside(folder: str | os.PathLike[str], subfolder: str) -> Path:
    """``folder/subfolder`` if there is such a folder, else ``folder`` itself."""
    below = Path(folder) / subfolder
    return below if below.is_dir() else Path(folder)
