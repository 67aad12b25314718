"""The sources of a training as one text, for a network and what its images leave."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

HEADERS = ("network.cuh", "forward.cuh", "backward.cuh")
OF_TRAINING = ("training/gradient.cuh", "loss.cuh", "training/rates.cuh")
LAUNCHES = ("arrange.cu", "training/train.cu", "training/update.cu")
MANY = ("arrange.cu", "training/many.cu")


@cache
def training_source(numbers: str, programs: tuple[str, ...]) -> str:
    """Return the text of all sources for the structs of a training; a compiler's messages name files and lines.

    Parameters
    ----------
    numbers : str
        `struct Net` and `struct Step`, and `struct Many` for MANY.
    programs : tuple of str
        LAUNCHES or MANY.

    Examples
    --------
    >>> training_source("struct Net {}; struct Step {};", LAUNCHES).count("#line 1")
    11
    """
    folder = files("nnpg_kernels.cuda")
    texts = [("device.cuh", (folder / "device.cuh").read_text()), ("numbers", numbers)]
    texts += [(name, (folder / "resident" / name).read_text()) for name in (*HEADERS, *OF_TRAINING, *programs)]
    return "".join(f'#line 1 "{name}"\n{text}' for name, text in texts)


def launch_kernels(number: str) -> dict[str, str]:
    """Return the instances of LAUNCHES by their names; `number` is "float" or "double".

    Examples
    --------
    >>> launch_kernels("float")["update"]
    'update<float>'
    """
    return {"arrange": "arrange<Net>", "train_images": "train_images<Net,Step>", "update": f"update<{number}>"}


MANY_KERNELS = {"arrange": "arrange<Net>", "many_steps": "many_steps<Net,Step,Many>"}
