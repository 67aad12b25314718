"""Windows: which input pixels an output pixel reads, for convolution and pooling."""

from __future__ import annotations

from typing import NamedTuple


class Window(NamedTuple):
    """A window that slides over an image; all in pixels.

    Output pixel (h, w) reads the padded input at rows `h * stride[0] + i * dilation[0]`, `i < size[0]`; columns
    follow the same rule. A last window that does not fit is dropped (floor).

    Examples
    --------
    >>> Window(size=(5, 5)).output_shape(60, 60)
    (56, 56)
    >>> Window(size=(3, 3), stride=(2, 2), padding=(0, 1, 0, 1)).output_shape(32, 32)
    (16, 16)
    """

    size: tuple[int, int]  # I, J
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)  # top, bottom, left, right
    dilation: tuple[int, int] = (1, 1)

    @property
    def extent(self) -> tuple[int, int]:
        """Rows and columns that one window spans, with the gaps of its dilation."""
        (I, J), (di, dj) = self.size, self.dilation
        return (I - 1) * di + 1, (J - 1) * dj + 1

    def output_shape(self, H: int, W: int) -> tuple[int, int]:
        """Rows and columns of the output for an H x W input."""
        top, bottom, left, right = self.padding
        rows, columns = self.extent
        if rows > H + top + bottom or columns > W + left + right:
            raise ValueError(
                f"a window of {rows} x {columns} pixels does not fit into an image of {H} x {W} with padding "
                f"top {top}, bottom {bottom}, left {left}, right {right}: use a smaller window or more padding"
            )
        return (
            (H + top + bottom - rows) // self.stride[0] + 1,
            (W + left + right - columns) // self.stride[1] + 1,
        )
