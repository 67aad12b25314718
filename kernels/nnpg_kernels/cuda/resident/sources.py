"""The sources of each program as one text, for a network."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

HEADERS = ("network.cuh", "forward.cuh", "backward.cuh", "seeds.cuh")
KERNELS = {  # of each program: its source
    "arrange": "arrange.cu",
    "arrange_in_order": "arrange.cu",
    "predict": "predict.cu",
    "gradients": "gradients.cu",
    "class_sums": "class_sums.cu",
    "knock_out": "knockout.cu",
    "scores": "reading.cu",
    "deltas": "reading.cu",
}


@cache
def resident_source(kernel: str, net: str) -> str:
    """Return the text of the sources of a kernel for `struct Net`; a compiler's messages name their files and lines.

    Parameters
    ----------
    kernel : str
        One of KERNELS, or an instance of it; its name is `name_of(kernel)`.
    net : str
        Of `numbers.Numbers`.

    Examples
    --------
    >>> resident_source("predict", "struct Net {};").count("#line 1")
    7
    """
    folder = files("nnpg_kernels.cuda")
    texts = [("device.cuh", (folder / "device.cuh").read_text()), ("net", net)]
    texts += [(name, (folder / "resident" / name).read_text()) for name in (*HEADERS, KERNELS[kernel.split("<")[0]])]
    return "".join(f'#line 1 "{name}"\n{text}' for name, text in texts)


def name_of(kernel: str) -> str:
    """Return the name of a kernel's instance.

    Examples
    --------
    >>> name_of("predict"), name_of("gradients<Net,1,0>")
    ('predict<Net>', 'gradients<Net,1,0>')
    """
    return kernel if "<" in kernel else f"{kernel}<Net>"


def gradients_of(seeds: int, lowest: int) -> str:
    """Return the instance of `gradients` for so many seeds, down to the delta of x_lowest.

    Examples
    --------
    >>> gradients_of(8, 1)
    'gradients<Net,8,1>'
    """
    return f"gradients<Net,{seeds},{lowest}>"


def seeds_and_lowest(kernel: str) -> tuple[int, int] | None:
    """Return the numbers of an instance of `gradients`; None for another kernel.

    Examples
    --------
    >>> seeds_and_lowest("gradients<Net,8,1>"), seeds_and_lowest("predict")
    ((8, 1), None)
    """
    if not kernel.startswith("gradients<"):
        return None
    _, seeds, lowest = kernel.strip(">").split(",")
    return int(seeds), int(lowest)
