"""The sources of a training as one text, for a network and what its images leave."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

HEADERS = ("network.cuh", "forward.cuh", "backward.cuh", "training/gradient.cuh", "training/loss.cuh")
PROGRAMS = ("arrange.cu", "training/train.cu", "training/update.cu")


@cache
def training_source(net: str, step: str) -> str:
    """Return the text of all sources for `struct Net` and `struct Step`; a compiler's messages name files and lines.

    Examples
    --------
    >>> training_source("struct Net {};", "struct Step {};").count("#line 1")
    11
    """
    folder = files("nnpg_kernels.cuda")
    texts = [("device.cuh", (folder / "device.cuh").read_text()), ("net", net), ("step", step)]
    texts += [(name, (folder / "resident" / name).read_text()) for name in (*HEADERS, *PROGRAMS)]
    return "".join(f'#line 1 "{name}"\n{text}' for name, text in texts)


def training_kernels(number: str) -> dict[str, str]:
    """Return the instances of a training by their names; `number` is "float" or "double".

    Examples
    --------
    >>> training_kernels("float")["update"]
    'update<float>'
    """
    return {"arrange": "arrange<Net>", "train_images": "train_images<Net,Step>", "update": f"update<{number}>"}
