"""The parts of a plan: blocks of layers that run as one, and the places of outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from nnpg_kernels import Window

WHOLE = Window((1, 1))  # the pooling of a block without a pooling layer


class Place(NamedTuple):
    """The place of an output: at the end of a block, or before its activation, its pooling or both.

    Parameters
    ----------
    block : int
        -1 for the image.
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
        Its layers; the first one has the weights, and the output of the last one is that of the block.
    kind : "conv" or "dense"
    x_shape, z_shape, y_shape : tuple of int
        Shapes for one image of the input, of z = W x + b, and of the output.
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
        """What the block computes, in words."""
        words = ["dense"] if self.kind == "dense" else [f"convolution {self.window.size[0]} x {self.window.size[1]}"]
        words += [self.activation] if self.activation else []
        return ", ".join(words + ([f"pooling {self.pool.size[0]} x {self.pool.size[1]}"] if self.pool != WHOLE else []))
