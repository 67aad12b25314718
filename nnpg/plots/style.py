"""One style for all figures: sizes for print, colours safe for colour-blind readers, the same bytes each time."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from nnpg.files.atomic import writable, write_file
from nnpg.support.arguments import as_path
from nnpg_kernels import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

COLUMN, PAGE = 3.5, 7.16  # inches: a column and a page of the papers; figures are made at their final size
SMALL, NORMAL = 7.0, 8.0  # points
INK, GREY, FAINT = "#1a1a1a", "#5c5c5c", "#d0d0d0"

# Okabe and Ito 2008, without the yellow, which is too pale for a line on white
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")  # lines differ in grey print as well
DASHES = ("-", (0, (4, 1.2)), (0, (1, 1)))

_DPI = 300
_COMPRESSION = 3  # of a PNG: of 9 levels the one from which on a file takes longer than it gets smaller
_METADATA: dict[str, dict[str, Any]] = {  # no dates and no versions: the same figure is the same file
    ".png": {},
    ".svg": {"Creator": None, "Date": None},
    ".pdf": {"Creator": None, "Producer": None, "CreationDate": None},
}
_STYLE: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.labelcolor": INK,
    "axes.labelsize": NORMAL,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": NORMAL,
    "axes.titleweight": "bold",
    "font.family": ["DejaVu Sans"],  # comes with matplotlib, so every machine sets the same letters
    "font.size": NORMAL,
    "grid.color": FAINT,
    "grid.linewidth": 0.4,
    "image.interpolation": "nearest",
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "lines.linewidth": 1.3,
    "pdf.fonttype": 42,
    "svg.hashsalt": "nnpg",
    "text.color": INK,
    "xtick.color": GREY,
    "xtick.labelcolor": INK,
    "xtick.labelsize": SMALL,
    "xtick.major.size": 2.5,
    "xtick.major.width": 0.6,
    "ytick.color": GREY,
    "ytick.labelcolor": INK,
    "ytick.labelsize": SMALL,
    "ytick.major.size": 2.5,
    "ytick.major.width": 0.6,
}


@contextmanager
def drawing(path: str | Path | None, width: float, height: float, layout: Any = "none") -> Iterator[Figure]:
    """Open an empty figure, in inches; write it whole to `path`, if there is one, when the block ends well.

    Neither pyplot nor any global setting is touched, and settings of the user have no effect.
    """
    check_path(path)
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with _one_style():
        figure = _shown_figure()(figsize=(width, height), dpi=_DPI, layout=layout, facecolor="white")
        FigureCanvasAgg(figure)
        yield figure
        if path is not None:
            write_file(path, _content(figure, Path(path).suffix.lower()))


@contextmanager
def _one_style() -> Iterator[None]:
    import matplotlib

    settings: Any = {key: value for key, value in matplotlib.rcParamsDefault.items() if not key.startswith("backend")}
    with matplotlib.rc_context(settings | _STYLE):
        yield


def _content(figure: Figure, suffix: str) -> bytes:
    """Return the bytes of a figure's file."""
    content = io.BytesIO()
    if suffix == ".png":
        _write_png(figure, content)
    else:
        figure.savefig(content, format=suffix[1:], metadata=_METADATA[suffix])
    return content.getvalue()


def _write_png(figure: Figure, file: BinaryIO) -> None:
    """Write a figure, which is opaque, without alpha: in half of the time that `Figure.savefig` takes for its file."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    drawn: Any = FigureCanvasAgg(figure)
    drawn.draw()
    pixels = np.ascontiguousarray(np.asarray(drawn.buffer_rgba())[..., :3])
    Image.fromarray(pixels).save(file, "png", dpi=(_DPI, _DPI), compress_level=_COMPRESSION)


@cache
def _shown_figure() -> type[Figure]:
    """Return the class of all figures: matplotlib's own, which a notebook also draws below the cell that returns it."""
    from matplotlib.figure import Figure

    class ShownFigure(Figure):
        def _repr_svg_(self) -> str:
            with _one_style():
                return _content(self, ".svg").decode()

    return ShownFigure


def check_path(path: str | Path | None) -> None:
    """Refuse a file that could not be written, before anything is drawn."""
    if path is None:
        return
    path = as_path(path, "path")
    if path.suffix.lower() not in _METADATA:
        raise ValueError(f"path must be a .png, .svg or .pdf file, recognised by its name, not {path.name!r}")
    writable(path)


def canvas(figure: Figure) -> Axes:
    """Cover the figure with one invisible Axes whose unit is the inch, from the upper left corner."""
    width, height = figure.get_size_inches()
    ax = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0), autoscale_on=False)
    ax.set_axis_off()
    return ax


def place_image(ax: Axes, image: Array, left: float, top: float, width: float, height: float, **options: Any) -> None:
    """Put an image (H, W), (H, W, 3) or (H, W, 4) on a `canvas`, in inches."""
    ax.imshow(image, extent=(left, left + width, top + height, top), aspect="auto", **options)


def place_shape(ax: Axes, shape: Patch) -> None:
    """Put a shape on a `canvas`. Its ends are fixed, so the shape is not measured as `add_patch` would."""
    ax.add_artist(shape)


def place_map(ax: Axes, values: Array, left: float, top: float, width: float, height: float) -> None:
    """Put a map (H, W) on a `canvas`, grey from black at its lowest value to white at its highest."""
    highest = values.max() if np.ptp(values) else values.min() + 1
    place_image(ax, values, left, top, width, height, cmap="gray", vmin=values.min(), vmax=highest)


def place_picture(ax: Axes, image: Array, left: float, top: float, width: float, height: float) -> None:
    """Put an image (H, W, 3) on a `canvas`, in a thin frame that separates a white background from the page."""
    from matplotlib.patches import Rectangle

    place_image(ax, image, left, top, width, height)
    place_shape(ax, Rectangle((left, top), width, height, fill=False, edgecolor=FAINT, linewidth=0.5))


def line_look(i: int) -> dict[str, Any]:
    """Return colour and marker of series i; the line is dashed from the eighth on."""
    return {
        "color": COLOURS[i % len(COLOURS)],
        "marker": MARKERS[i % len(MARKERS)],
        "markersize": 3,
        "markeredgewidth": 0,
        "linestyle": DASHES[i // len(COLOURS) % len(DASHES)],
    }


def arrangement(count: int, columns: int) -> tuple[int, int, float]:
    """Return rows and columns of `count` panels, and the width of their figure: a column of print, or a page.

    Examples
    --------
    >>> arrangement(3, 2), arrangement(1, 4)
    ((2, 2, 7.16), (1, 1, 3.5))
    """
    columns = min(columns, count)
    return -(-count // columns), columns, COLUMN if columns == 1 else PAGE


def panel_axes(figure: Figure, count: int, columns: int, **shared: Any) -> list[Axes]:
    """Return one Axes for each of `count` panels, row by row; `shared` is what `Figure.subplots` takes."""
    rows, columns, _ = arrangement(count, columns)
    axes = figure.subplots(rows, columns, squeeze=False, **shared).ravel()
    for ax in axes[count:]:
        ax.remove()
    return list(axes[:count])


def whole_ticks(ax: Axes) -> None:
    """Put the ticks of the x axis at whole numbers."""
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))


def share_labels(axes: Sequence[Axes], columns: int) -> None:
    """Remove labels that repeat those of the panel to the left or below; show the ticks where no panel is below."""
    labels = [(ax.get_xlabel(), ax.get_ylabel()) for ax in axes]
    for n, ax in enumerate(axes):
        if n + columns >= len(axes):
            ax.tick_params(labelbottom=True)
        elif labels[n + columns][0] == labels[n][0]:
            ax.set_xlabel("")
        if n % columns and labels[n - 1][1] == labels[n][1]:
            ax.set_ylabel("")


def legend_columns(labels: list[str], width: float) -> int:
    """Return how many columns of a legend, filled one after the other, fit into `width` inches."""
    widths = [text_width(label) + 0.42 for label in labels]
    for n in range(len(labels), 1, -1):
        if sum(max(column) for column in np.array_split(widths, n)) < width - 0.1:
            return n
    return 1


def text_width(text: str, size: float = SMALL, weight: str = "normal") -> float:
    """Width of a line of text, inches."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    font = FontProperties(family="DejaVu Sans", weight=weight, size=size)
    return float(TextToPath().get_text_width_height_descent(text, font, ismath=False)[0]) / 72


def wrapped(text: str, width: float, size: float = SMALL, weight: str = "normal") -> list[str]:
    """Break text into lines no wider than `width` inches; a word that is wider by itself is cut short."""
    lines: list[str] = []
    for word in text.split():
        if lines and text_width(f"{lines[-1]} {word}", size, weight) <= width:
            lines[-1] += f" {word}"
            continue
        fits = word
        while text_width(fits, size, weight) > width and len(fits) > 2:
            fits = fits.removesuffix("…")[:-1] + "…"
        lines.append(fits)
    return lines
