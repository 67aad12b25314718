"""The version of nnpg, which files and pages name."""

VERSION = "0.1.0"
