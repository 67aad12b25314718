"""What a plan is made of: blocks of layers that run as one, and the places where outputs lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from nnpg_kernels import Window

WHOLE = Window((1, 1))  # the pooling of a block that has none


class Place(NamedTuple):
    """Where an output lies: that of a block, or before its activation, its pooling or both.

    Parameters
    ----------
    block : int
        -1 for the image itself.
    shape : tuple of int
        Of the output for one image.
    activation, pool : bool
        Whether the block's activation, and its pooling, come after this output.
    """

    block: int
    shape: tuple[int, ...]
    activation: bool = False
    pool: bool = False

    @property
    def inner(self) -> bool:
        """Whether it is inside a block."""
        return self.activation or self.pool


@dataclass(frozen=True)
class Block:
    """Layers that run as one.

    Parameters
    ----------
    names : tuple of str
        Its layers; the first one has the weights, the last one's output is the block's.
    kind : "conv" or "dense"
    x_shape, z_shape, y_shape : tuple of int
        One image going in, behind the weights, and coming out.
    activation : "", "tanh", "relu" or "sigmoid"
    window, pool : Window
        Of a convolution.
    groups : int
        Of a convolution.
    """

    names: tuple[str, ...]
    kind: str
    x_shape: tuple[int, ...]
    z_shape: tuple[int, ...]
    y_shape: tuple[int, ...]
    activation: str = ""
    window: Window = WHOLE
    pool: Window = WHOLE
    groups: int = 1

    @property
    def weights(self) -> str:
        """Name of the layer with the weights."""
        return self.names[0]

    @property
    def name(self) -> str:
        """Name of the output."""
        return self.names[-1]

    @property
    def does(self) -> str:
        """In words."""
        words = ["dense"] if self.kind == "dense" else [f"convolution {self.window.size[0]} x {self.window.size[1]}"]
        words += [self.activation] if self.activation else []
        return ", ".join(words + ([f"pooling {self.pool.size[0]} x {self.pool.size[1]}"] if self.pool != WHOLE else []))
