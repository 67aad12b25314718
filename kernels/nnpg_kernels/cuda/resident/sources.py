"""The sources of the programs as one text, for a network."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

HEADERS = ("network.cuh", "forward.cuh", "seeds.cuh", "backward.cuh")
PROGRAMS = ("arrange.cu", "predict.cu", "gradients.cu", "knockout.cu", "reading.cu")
KERNELS = ("arrange", "arrange_in_order", "predict", "gradients", "class_sums", "knock_out", "scores", "deltas")


@cache
def resident_source(net: str) -> str:
    """Return the text of all sources for `struct Net`; a compiler's messages name their files and lines.

    Parameters
    ----------
    net : str
        Of `numbers.Numbers`.

    Examples
    --------
    >>> resident_source("struct Net {};").count("#line 1")
    11
    """
    folder = files("nnpg_kernels.cuda")
    texts = [("device.cuh", (folder / "device.cuh").read_text()), ("net", net)]
    texts += [(name, (folder / "resident" / name).read_text()) for name in (*HEADERS, *PROGRAMS)]
    return "".join(f'#line 1 "{name}"\n{text}' for name, text in texts)


def resident_kernels() -> tuple[str, ...]:
    """Return the names of the kernels of these sources.

    Examples
    --------
    >>> resident_kernels()[0]
    'arrange<Net>'
    """
    return tuple(f"{name}<Net>" for name in KERNELS)
