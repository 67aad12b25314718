"""Helpers for all other folders: checks of arguments, read-only arrays, progress bars, tables of text."""
