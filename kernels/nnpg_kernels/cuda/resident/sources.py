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
    "victim": "victim.cu",
}
FOR_SOME = {"gradients": ("several.cuh",), "victim": ("several.cuh", "loss.cuh")}  # headers


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
    folder, program = files("nnpg_kernels.cuda"), kernel.split("<")[0]
    texts = [("device.cuh", (folder / "device.cuh").read_text()), ("net", net)]
    parts = (*HEADERS, *FOR_SOME.get(program, ()), KERNELS[program])
    texts += [(name, (folder / "resident" / name).read_text()) for name in parts]
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


def victim_of(seeds: int) -> str:
    """Return the instance of `victim` for so many seeds.

    Examples
    --------
    >>> victim_of(4)
    'victim<Net,4>'
    """
    return f"victim<Net,{seeds}>"


def seeds_and_lowest(kernel: str) -> tuple[int, int] | None:
    """Return how many seeds an instance of `gradients` or `victim` sends back, to which x; None for another kernel.

    Examples
    --------
    >>> seeds_and_lowest("gradients<Net,8,1>"), seeds_and_lowest("victim<Net,4>"), seeds_and_lowest("predict")
    ((8, 1), (4, 0), None)
    """
    program, _, rest = kernel.strip(">").partition("<Net,")
    if program == "victim":
        return int(rest), 0
    if program != "gradients":
        return None
    seeds, lowest = rest.split(",")
    return int(seeds), int(lowest)
