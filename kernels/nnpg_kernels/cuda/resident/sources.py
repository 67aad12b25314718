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
    "gradients_of_one": "gradients.cu",
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
        One of KERNELS; the instance is `name_of(kernel)`.
    net : str
        Of `numbers.Numbers`.

    Examples
    --------
    >>> resident_source("predict", "struct Net {};").count("#line 1")
    7
    """
    folder = files("nnpg_kernels.cuda")
    texts = [("device.cuh", (folder / "device.cuh").read_text()), ("net", net)]
    texts += [(name, (folder / "resident" / name).read_text()) for name in (*HEADERS, KERNELS[kernel])]
    return "".join(f'#line 1 "{name}"\n{text}' for name, text in texts)


INSTANCES = {"gradients": "gradients<Net,Net::SEEDS>", "gradients_of_one": "gradients<Net,1>"}


def name_of(kernel: str) -> str:
    """Return the name of a kernel's instance.

    Examples
    --------
    >>> name_of("predict"), name_of("gradients_of_one")
    ('predict<Net>', 'gradients<Net,1>')
    """
    return INSTANCES.get(kernel, f"{kernel}<Net>")
