"""What is raised when a file is not what it should be."""

from __future__ import annotations


class ModelFileError(ValueError):
    """A file is not one that this version can load. The message names the file, what was found and expected."""
