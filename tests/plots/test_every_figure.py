"""What holds for every figure: the same bytes each time, whole files, print sizes, words inside, no global settings."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image
from selection import slow_except

import nnpg
from nnpg import Epoch, Filter, FilterScores, Knockout
from nnpg.analysis.statistics import Interval
from nnpg.maps.receptive_fields import ReceptiveField
from nnpg.plots import (
    Depth,
    Lines,
    Measured,
    Pairs,
    Panel,
    Plane,
    arithmetic_diagram,
    cell_map,
    damage_trace,
    depth_curves,
    error_curves,
    feature_maps,
    filter_gallery,
    function_panels,
    histogram_grid,
    image_grid,
    interval_plot,
    line_panels,
    matrix_panels,
    network_diagram,
    pass_diagram,
    plane_panels,
    scatter_panels,
    strongest_regions,
    training_history,
    wiring_diagram,
)


def network(path: Path | None = None) -> Figure:
    rng = np.random.default_rng(0)
    scores = {name: rng.random((2, F)) for name, F in (("pool1", 5), ("a_longer_name", 24), ("pool3", 102))}
    rows = ("identity 7", "a name so long that the highest score has no room beside it")
    images = rng.random((2, 1, 6, 4))
    return network_diagram(FilterScores(scores, rows, "frobenius", "prob", "norm_of_mean"), path, images=images)


def many_networks(path: Path | None = None) -> Figure:
    scores = {"pool1": np.random.default_rng(0).random((8, 5))}
    return network_diagram(FilterScores(scores, tuple(f"class {c}" for c in range(8)), "l1", "logit"), path, columns=3)


def curves(path: Path | None = None) -> Figure:
    rng = np.random.default_rng(0)
    series = {f"identity {c}": rng.random((5, 11)) for c in (7, 10, 12, 14, 15)}
    return error_curves([Panel(f"{order} first", series) for order in ("strongest", "weakest", "random")], path)


def one_curve(path: Path | None = None) -> Figure:
    return error_curves([Panel("all", {f"ID {c}": np.random.default_rng(c).random((5, 250)) for c in range(5)})], path)


def knockout(K: int = 15, T: int = 10) -> Knockout:
    labels = np.repeat(np.arange(K), 3)
    predictions = np.random.default_rng(0).integers(0, K, (T + 1, len(labels)))
    predictions[0] = labels
    return Knockout(tuple(Filter("pool1", f) for f in range(T)), predictions, labels, K)


def damage(path: Path | None = None) -> Figure:
    return damage_trace(knockout(), path, class_names=[f"a long class name {c}" for c in range(15)], highlight=6)


def long_damage(path: Path | None = None) -> Figure:
    return damage_trace(knockout(4, 60), path)


def grid(path: Path | None = None) -> Figure:
    rng = np.random.default_rng(0)
    titles = ["a title of many words", "short", "Donaudampfschifffahrtsgesellschaft", "", "x", "happy"]
    return image_grid(
        rng.random((6, 3, 8, 6)), path, titles=titles, columns=3, row_labels=["first row", "second"],
        overlay=rng.random((6, 8, 6)) > 0.7,
    )  # fmt: skip


def history(path: Path | None = None) -> Figure:
    return training_history([Epoch(n, 3 / n, 1 / n, 1 / n if n % 2 else None, 0.1) for n in range(1, 41)], path)


def one_epoch(path: Path | None = None) -> Figure:
    return training_history([Epoch(1, 0.0, 0.0, None, 0.1)], path)


def intervals(path: Path | None = None) -> Figure:
    rng = np.random.default_rng(0)
    names = ["prediction gradient", "random", "Monte-Carlo Shapley", "one net only"]
    values = {name: Interval(v, v - 0.1, v + 0.1) for name, v in zip(names, rng.random(4), strict=True)}
    values["one net only"] = Interval(0.3, math.nan, math.nan)
    panels = [
        Measured(f"{scope} error, {order} first", values, "area") for scope in ("class", "overall") for order in "ab"
    ]
    return interval_plot(panels, path, highlight="prediction gradient", columns=2)


def confusions(path: Path | None = None) -> Figure:
    m = np.random.default_rng(0).random((11, 15, 15))
    return matrix_panels(m, path, titles=["intact", *(f"{n} out: pool{n % 3 + 1} {n}" for n in range(1, 11))])


def one_matrix(path: Path | None = None) -> Figure:
    return matrix_panels(np.eye(15)[None], path, titles=["alike"], labels=[f"subject{c:02d}" for c in range(15)])


def outputs(path: Path | None = None) -> Figure:
    rng = np.random.default_rng(0)
    maps = {"tanh1": rng.random((2, 5, 9, 8)), "tanh2": rng.random((2, 8, 4, 4)), "tanh3": np.zeros((2, 10, 2, 2))}
    return feature_maps(rng.random((2, 1, 9, 8)), maps, path, titles=["ID 7, normal", "a name longer than its face"])


def passes(path: Path | None = None) -> Figure:
    rng = np.random.default_rng(0)
    shapes = {"input": (1, 9, 8), "a_longer_name": (24, 4, 3), "pool3": (10, 1, 1), "dense1": (20,), "prob1": (1,)}
    o, deltas = ({name: rng.normal(size=shape) for name, shape in shapes.items()} for _ in range(2))
    return pass_diagram(o, deltas | {"pool3": np.zeros((10, 1, 1))}, path, quantity="y")


def regions(path: Path | None = None) -> Figure:
    rng, field = np.random.default_rng(0), ReceptiveField((0, 0), (2, 2), (6, 6))
    return strongest_regions(
        rng.random((2, 1, 20, 20)), rng.random((2, 5, 8, 8)), rng.normal(size=(2, 5, 8, 8)), field, path,
        titles=["identity 7: 99%", "a title too long to stand in one line below a face"],
        others=rng.random((2, 1, 20, 20)),
    )  # fmt: skip


def functions(path: Path | None = None) -> Figure:
    x = np.linspace(-3, 3, 101)
    panels = {name: {"f(z)": f(x), "f'(z)": x * 0 + 1} for name, f in (("tanh", np.tanh), ("step", np.sign))}
    return function_panels(x, panels, path)


def planes(path: Path | None = None) -> Figure:
    points, kinds, names = [[0, 0], [0, 1], [1, 1], [1, 1]], [False, True, False, False], ["p1", "p2", "p3", "p4"]
    first = Plane("a title", points, kinds, names, lambda p: p[:, 0], [([1, 1], -0.5), ([0, 1], 0)])
    return plane_panels([first, Plane("another", points, kinds, names)], path, columns=2)


def gallery(path: Path | None = None) -> Figure:
    kernels = {"blur": np.full((3, 3), 1 / 9), "random": np.arange(-4, 5).reshape(3, 3), "a row": [[0.123, -11]]}
    return filter_gallery(kernels, np.random.default_rng(0).random((3, 9, 8)), path)


def wiring(path: Path | None = None) -> Figure:
    layers = [(np.array([[1.0, 1], [1, -1]]), np.array([-0.5, -1.5])), (np.array([[1.0, -1]]), np.array([-0.5]))]
    return wiring_diagram(layers, path, names=[["x1", "x2"], ["a1", "a2"], ["y"]])


def scatter(path: Path | None = None) -> Figure:
    a = np.random.default_rng(0).random((3, 50))
    return scatter_panels([Pairs(f"panel {n}", a[0], a[n]) for n in range(3)], path, xlabel="by one", ylabel="by two")


def cells(path: Path | None = None) -> Figure:
    m = np.array([[1, 0.117, np.nan], [0.871, 1, 0.004], [0, 0.5, 0.05]])
    words = [["" if np.isnan(v) else f"{100 * v:.3g}%\n(87.1%)" for v in row] for row in m]
    names = ["softmax1", "N100-100-10", "noise 0.1, clipped"]
    return cell_map(
        m, path, rows=names, columns=names, words=words, framed=m > 0.8, label="what it is\nand what a frame is"
    )


def many_cells(path: Path | None = None) -> Figure:
    m = np.random.default_rng(0).random((11, 6))
    words = [[f"{v:.2f}" for v in row] for row in m]
    names = [f"N100-100-{n}" for n in range(11)]
    return cell_map(m, path, rows=names, columns=names[:6], words=words)


def depths(path: Path | None = None) -> Figure:
    def panel(name: str, L: int) -> Depth:
        layers = [f"{kind}{n}" for n in range(1, L // 2 + 1) for kind in ("dense", "sigmoid")]
        bound = np.cumprod(np.linspace(1, 9, len(layers)))
        return Depth(name, layers, {"bound": bound, "largest measured: adversarial": bound**0.3})

    return depth_curves([panel("a small net", 4), panel("a deep one", 20), panel("a third", 8)], path)


def lines(path: Path | None = None) -> Figure:
    rng, x = np.random.default_rng(0), np.linspace(0, 12750, 18)
    series = {f"class {k}": rng.random(18) for k in range(10)}
    first = Lines("a panel", x, series, "eta", "success", level=(0.3, "the paper's"), span=(5000, 10000))
    return line_panels([first, Lines("another", x[:5], {"class 3": np.full(5, np.nan)}, "eta", "success")], path)


def logarithmic_lines(path: Path | None = None) -> Figure:
    steps = 10.0 ** -np.arange(1, 16)
    errors = {"one-sided": steps + 1e-16 / steps, "central": steps**2 + 1e-16 / steps}
    return line_panels([Lines("errors", steps, errors, "step", "error")], path, logarithmic=True)


def histograms(path: Path | None = None) -> Figure:
    g = np.random.default_rng(0).normal(size=(2, 3, 3, 64)) * 1e-4
    colours, words = ("red", "green", "blue"), "skew 0.1,\nkurtosis 3"
    cells = [[(dict(zip(colours, values, strict=True)), words) for values in row] for row in g]
    return histogram_grid(cells, path, row_labels=["dog", "frog"], centred=[False, True, True])


EXPLAINED = nnpg.build(
    [nnpg.conv(4, 5, padding=2), nnpg.ReLU(), nnpg.MaxPool(3, stride=2), nnpg.conv(3, 3, dilation=2), nnpg.Flatten(),
     nnpg.dense(9), nnpg.Tanh(), nnpg.dense(3), nnpg.Softmax()],
    input_shape=(2, 17, 17), rng=0, dtype="float64", backend="numpy",
)  # fmt: skip


def explained(path: Path | None, **number: Any) -> Figure:
    x = np.random.default_rng(0).random((1, 2, 17, 17))
    return arithmetic_diagram(nnpg.explain(EXPLAINED, x, classes=1, **number), path)


def a_convolutions_unit(path: Path | None = None) -> Figure:
    return explained(path, unit="conv1:2,8,8")


def a_pools_unit(path: Path | None = None) -> Figure:
    return explained(path, unit="pool1:1,3,3", of="logprob")


def a_dense_unit(path: Path | None = None) -> Figure:
    return explained(path, unit="dense1:4", of="loss")


def a_unit_after_the_seed(path: Path | None = None) -> Figure:
    return explained(path, unit="softmax1:1", of="logit")


def a_pixel(path: Path | None = None) -> Figure:
    return explained(path, unit="input:1,9,9")


def a_weight(path: Path | None = None) -> Figure:
    return explained(path, weight="conv1.W:2,1,0,3")


def a_bias(path: Path | None = None) -> Figure:
    return explained(path, weight="dense2.b:1")


Draw = Callable[..., Figure]
FIGURES: list[Draw] = [
    network, many_networks, curves, one_curve, damage, long_damage, grid, history, one_epoch,
    intervals, confusions, one_matrix, outputs, passes, regions, functions, planes, gallery, scatter, wiring,
    cells, many_cells, depths, lines, logarithmic_lines, histograms,
    a_convolutions_unit, a_pools_unit, a_dense_unit, a_unit_after_the_seed, a_pixel, a_weight, a_bias,
]  # fmt: skip
ALWAYS = (history, scatter, grid)  # written in each format and in other settings in every run; others with --slow
MAGIC = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}


@cache
def drawn(draw: Draw) -> Figure:
    """The figure, drawn once for all tests that only look at it."""
    figure = draw()
    figure.draw_without_rendering()
    return figure


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Draw, str], bytes]:
    """What a figure's file holds; each is written once for all tests."""
    folder = tmp_path_factory.mktemp("figures")

    @cache
    def write(draw: Draw, suffix: str) -> bytes:
        path = folder / f"{draw.__name__}{suffix}"
        draw(path)
        return path.read_bytes()

    return write


# One function writes a kind of file for all figures; what a figure may give other names from run to run is in its SVG.
EVERY_KIND = [(draw, suffix) for draw in ALWAYS for suffix in MAGIC]
OTHERS = [pytest.param(draw, ".svg", marks=pytest.mark.slow) for draw in FIGURES if draw not in ALWAYS]


@pytest.mark.parametrize(("draw", "suffix"), [*EVERY_KIND, *OTHERS])
def test_the_same_figure_is_the_same_file(
    draw: Draw, suffix: str, written: Callable[[Draw, str], bytes], tmp_path: Path
) -> None:
    data, again = written(draw, suffix), tmp_path / f"again{suffix}"
    draw(again)
    assert data.startswith(MAGIC[suffix])
    assert data == again.read_bytes()
    assert matplotlib.__version__.encode() not in data
    assert b"CreationDate" not in data
    assert b"dc:date" not in data
    assert list(tmp_path.iterdir()) == [again]


@pytest.mark.parametrize("draw", FIGURES)
def test_figures_have_the_width_of_a_column_or_a_page(draw: Draw) -> None:
    figure = drawn(draw)
    width = figure.get_size_inches()[0]
    assert width in (3.5, 7.16)
    words = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    assert len(words) >= 2
    assert min(text.get_fontsize() for text in words) >= 7  # type: ignore[attr-defined]


@pytest.mark.parametrize("draw", FIGURES)
def test_text_lies_inside_the_figure_and_does_not_overlap(draw: Draw) -> None:
    figure = drawn(draw)
    boxes = [
        (text.get_text(), text.get_window_extent())  # type: ignore[attr-defined]
        for text in figure.findobj(Text)
        if _is_shown(text)
    ]
    page = figure.bbox.padded(0.5)
    for word, box in boxes:
        assert page.containsx(box.x0), word
        assert page.containsx(box.x1), word
        assert page.containsy(box.y0), word
        assert page.containsy(box.y1), word
    for i, (word, box) in enumerate(boxes):
        for other, its in boxes[:i]:
            assert not box.padded(-1).overlaps(its.padded(-1)), (word, other)


def _is_shown(text: Any) -> bool:
    """Tick labels outside the axes' limits exist, but are not drawn."""
    if not text.get_text().strip() or not text.get_visible():
        return False
    ticks = [t for ax in text.figure.axes for axis in (ax.xaxis, ax.yaxis) for t in _all_ticks(axis)]
    if not any(text in (tick.label1, tick.label2) for tick in ticks):
        return True
    drawn = [t for ax in text.figure.axes for axis in (ax.xaxis, ax.yaxis) for t in axis._update_ticks()]
    return any(
        (text is tick.label1 and tick.label1.get_visible()) or (text is tick.label2 and tick.label2.get_visible())
        for tick in drawn
    )


def _all_ticks(axis: Any) -> list[Any]:
    return [*axis.majorTicks, *axis.minorTicks]


@pytest.mark.parametrize("name", ["figure.jpg", "figure", "figure.png.gz"])
@pytest.mark.parametrize("draw", FIGURES)
def test_another_kind_of_file_is_refused(draw: Draw, name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.png, \.svg or \.pdf.*" + name):
        draw(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere.*make it first"):
        history(tmp_path / "nowhere" / "a.png")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    history(path)
    before = path.read_bytes()

    def full_disk(self: Image.Image, out: Any, *_: Any, **__: Any) -> None:
        out.write(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(Image.Image, "save", full_disk)
    with pytest.raises(OSError, match="no space"):
        grid(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("draw", slow_except(ALWAYS, FIGURES))
def test_settings_neither_leak_out_nor_in(draw: Draw, written: Callable[[Draw, str], bytes], tmp_path: Path) -> None:
    with matplotlib.rc_context(
        {"font.size": 30, "axes.facecolor": "red", "lines.linewidth": 9, "savefig.bbox": "tight"}
    ):
        before = dict(matplotlib.rcParams)
        loud = tmp_path / f"loud{'.png' if draw in ALWAYS else '.svg'}"
        draw(loud)
        assert dict(matplotlib.rcParams) == before
    assert loud.read_bytes() == written(draw, loud.suffix)


@pytest.mark.parametrize("draw", ALWAYS)
def test_a_notebook_draws_a_figure_below_its_cell(draw: Draw, written: Callable[[Draw, str], bytes]) -> None:
    """IPython asks an object for `_repr_svg_`; pyplot need not be imported."""
    figure: Any = draw()
    with matplotlib.rc_context({"font.size": 30, "svg.hashsalt": "another"}):
        assert figure._repr_svg_().encode() == written(draw, ".svg")


def test_importing_is_light_and_drawing_needs_no_pyplot(tmp_path: Path) -> None:
    program = f"""
import sys
import nnpg, nnpg.plots, nnpg.report.page
assert "matplotlib" not in sys.modules
for kind in ("png", "svg", "pdf"):
    nnpg.plots.training_history([nnpg.Epoch(1, 2.0, 0.9, None, 0.1)], {str(tmp_path)!r} + "/a." + kind)
assert "matplotlib" in sys.modules
assert "matplotlib.pyplot" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for kind in MAGIC:  # another process, the same bytes
        training_history([Epoch(1, 2.0, 0.9, None, 0.1)], tmp_path / f"b{kind}")
        assert (tmp_path / f"a{kind}").read_bytes() == (tmp_path / f"b{kind}").read_bytes()
