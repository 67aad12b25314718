"""The error for a file that cannot be read."""

from __future__ import annotations


class ModelFileError(ValueError):
    """A file cannot be loaded. The message names the file, what was expected and what was found."""
