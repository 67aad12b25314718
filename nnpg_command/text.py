"""Text from data, made safe for a terminal, a table or a page."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""Return the text with an escape for each control character and each character without a glyph.

    Examples
    --------
    >>> print(printable("cat\x1b[2J\n"))
    cat\x1b[2J\n
    >>> printable("Zoë, 猫")
    'Zoë, 猫'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def one_line(text: str, most: int = 2000) -> str:
    r"""Return the text on one line: white space becomes a space, other control characters escapes.

    Examples
    --------
    >>> one_line("no such file:\n  a\x07.png")
    'no such file: a\\x07.png'
    """
    line = printable(" ".join(text.split()))
    return line if len(line) <= most else f"{line[:most]} ..."
