"""Where data sets lie on this machine, and what lies at a path."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from nnpg.data.dataset import DataError


def data_folder(folder: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder that holds the data sets: this one, or else NNPG_DATA, or else the platform's cache.

    Parameters
    ----------
    folder : path, optional
        What the caller asked for (``--data-dir``).

    Examples
    --------
    >>> data_folder("my/data").as_posix()
    'my/data'
    """
    if folder is not None:
        return Path(folder).expanduser()
    if os.environ.get("NNPG_DATA"):
        return Path(os.environ["NNPG_DATA"]).expanduser()
    import pooch

    return Path(pooch.os_cache("nnpg"))


def folder_of_set(folder: str | os.PathLike[str], subfolder: str) -> Path:
    """Return ``folder/subfolder`` if there is such a folder, or else ``folder`` itself."""
    below = Path(folder) / subfolder
    return below if below.is_dir() else Path(folder)


def check_file(path: Path, expected: str, advice: str = "") -> None:
    """Raise DataError unless a regular file lies at the path; opens nothing.

    Examples
    --------
    >>> check_file(Path("no/such/file"), "an image", "; check the path")
    Traceback (most recent call last):
    ...
    nnpg.data.dataset.DataError: no/such/file: expected an image, found nothing there; check the path
    """
    kind = kind_of(path)
    if kind != "a file":
        raise DataError(f"{path}: expected {expected}, found {kind}{advice}")


def kind_of(path: Path) -> str:
    """Say what lies at a path: "a file", "a folder", "nothing there", "a device" ...; open nothing.

    Examples
    --------
    >>> kind_of(Path("no/such/file")), kind_of(Path("."))
    ('nothing there', 'a folder')
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return "a link to nothing" if path.is_symlink() else "nothing there"
    except NotADirectoryError:
        return "nothing there"
    except (OSError, ValueError) as error:  # links in a circle, or a name that is too long or not allowed
        return f"what cannot be opened ({getattr(error, 'strerror', None) or error})"
    kinds = {
        stat.S_IFREG: "a file",
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    return kinds.get(stat.S_IFMT(mode), "something else")
