"""One layer at a time: forward pass, delta and gradient of the weights of our CUDA kernels, beside cuDNN by PyTorch.

Convolutions and maximum pooling of the papers' networks and of VGG (Simonyan & Zisserman 2015), in float32 and without
TF32. Dense layers are left out: both sides call cuBLAS. Both sides are captured in graphs: only kernels are timed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from statistics import median
from typing import Any, NamedTuple

import numpy as np

import nnpg
from benchmarks.gpu.card import Ceilings, CupyEvent, captured, seconds
from benchmarks.gpu.contender import Absent, Taken, event_clock, failure
from benchmarks.measuring.agreement import Disagreement, check
from benchmarks.measuring.work import Ledger
from benchmarks.workloads import ALEXNET, COLOURS, DIGITS, FACES, Architecture
from nnpg_kernels import Array, Window
from nnpg_kernels.cuda import convolution, pooling
from nnpg_kernels.cuda.device import Device

ROUNDS = 5
IN_A_GRAPH = 10  # calls
AT_MOST = 0.05  # seconds of a graph
NETS: tuple[tuple[str, Architecture, int], ...] = (
    ("W1", FACES, 32),
    ("W2", DIGITS, 100),
    ("W3", COLOURS, 128),
    ("A", ALEXNET, 32),
)
VGG_IMAGES = 8
VGG = (  # channels, filters, pixels of a side, whether pooling follows
    (3, 64, 224, False),
    (64, 64, 224, True),
    (64, 128, 112, False),
    (128, 128, 112, True),
    (128, 256, 56, False),
    (256, 256, 56, True),
    (256, 512, 28, False),
    (512, 512, 28, True),
    (512, 512, 14, True),
)


class Layer(NamedTuple):
    """A convolution, or pooling where there are no filters."""

    name: str
    shape: tuple[int, int, int, int]  # N, C, H, W
    window: Window
    filters: int = 0

    @property
    def passes(self) -> tuple[str, ...]:
        """What is timed."""
        return ("forward", "delta", "gradient") if self.filters else ("forward", "delta")

    def arrays(self) -> tuple[Array, Array, Array, Array]:
        """Return x, W, b and a delta of the output; W and b are empty for pooling."""
        rng = np.random.default_rng(0)
        N, C, H, W = self.shape
        out = (N, self.filters or C, *self.window.output_shape(H, W))
        shapes = self.shape, (self.filters, C, *self.window.size), (self.filters,), out
        x, weights, b, delta = (rng.standard_normal(shape, "f4") for shape in shapes)
        return x, weights / np.float32(math.sqrt(C * math.prod(self.window.size))), b, delta


def layers(*, quick: bool = False) -> Iterator[Layer]:
    """Yield the layers; `quick`: the first net's for one image.

    Examples
    --------
    >>> len(list(layers())), next(layers()).name
    (38, 'W1 conv1')
    """
    for name, net, N in NETS[:1] if quick else NETS:
        C, H, W = net.input_shape
        for i, block in enumerate(net.blocks, start=1):
            p, s = block.padding, block.stride
            window = Window((block.size, block.size), (s, s), (p, p, p, p))
            yield Layer(f"{name} conv{i}", (1 if quick else N, C, H, W), window, block.filters)
            C, (H, W) = block.filters, window.output_shape(H, W)
            if block.pool > 1:
                step = block.pool_stride or block.pool
                window = Window((block.pool, block.pool), (step, step))
                yield Layer(f"{name} pool{i}", (1 if quick else N, C, H, W), window)
                H, W = window.output_shape(H, W)
    if quick:
        return
    for C, filters, side, pooled in VGG:
        window = Window((3, 3), (1, 1), (1, 1, 1, 1))
        yield Layer(f"VGG {C}-{filters} at {side}", (VGG_IMAGES, C, side, side), window, filters)
        if pooled:
            yield Layer(f"VGG pool {filters} at {side}", (VGG_IMAGES, filters, side, side), Window((2, 2), (2, 2)))


def compare(one: Layer, ceilings: Ceilings, *, quick: bool = False) -> list[dict[str, Any]]:
    """Compare one layer with PyTorch, pass by pass; an entry says the times, or why there are none."""
    try:
        if find_spec("torch") is None:
            raise Absent("PyTorch is not installed: pip install -e '.[bench]', in its build for CUDA")
        on: str = import_module("benchmarks.gpu.rivals.torch_device").device(quick=quick)
    except Absent as error:
        return [_entry(one, name) | {"why_not": f"absent: {error}"} for name in one.passes]
    torch_layers = import_module("benchmarks.gpu.rivals.torch_layers")
    backend: Any = nnpg.load_backend("cupy")
    arrays, leasts = one.arrays(), _leasts(one, ceilings)
    ours = _ours(one, backend.DEVICE, [backend.asarray(a) for a in arrays])
    theirs = {layout: torch_layers.passes(one.window, arrays, layout, on) for layout in ("nchw", "channels_last")}
    entries = []
    for name in one.passes:
        entry = _entry(one, name)
        try:
            ways = {layout: passes[name] for layout, passes in theirs.items()}
            launches = Noted(backend.DEVICE)
            result = backend.to_numpy(ours[name](launches))
            ways, agreement = agreeing(result, ways, torch_layers.exact)
            calls = 1 if quick else _calls(launches.again)
            takes = {"ours": event_clock(captured(launches.again, calls), CupyEvent, calls)}
            takes |= {layout: torch_layers.taker(work, calls, on) for layout, work in ways.items()}
            entry |= {"agreement": agreement, **_in_turn(takes, 1 if quick else ROUNDS)}
            entry |= {"floor_us": leasts[name] * 1e6, "share": leasts[name] * 1e6 / entry["ours_us"]}
        except Disagreement as error:
            entry |= {"why_not": f"disagrees: {error}"}
        except Exception as error:
            entry |= {"why_not": failure(error)}
        entries.append(entry)
    return entries


def _entry(one: Layer, name: str) -> dict[str, Any]:
    return {"layer": one.name, "pass": name, "images": one.shape[0], "why_not": ""}


class Noted:
    """A device that also notes each launch, with its arrays: they live as long as it, so that a graph can have them."""

    def __init__(self, device: Device) -> None:
        self.device, self.xp = device, device.xp
        self.launches: list[tuple[str, int, int, Sequence[Any]]] = []

    def launch(self, kernel: str, grid: int, block: int, args: Sequence[Any]) -> None:
        """Launch a kernel, and note it."""
        self.launches.append((kernel, grid, block, args))
        self.device.launch(kernel, grid, block, args)

    def again(self) -> None:
        """Launch all that is noted once more."""
        for launch in self.launches:
            self.device.launch(*launch)


def _ours(one: Layer, device: Device, arrays: list[Array]) -> dict[str, Callable[[Device], Any]]:
    x, W, b, delta = arrays
    shape, window = (one.shape[2], one.shape[3]), one.window
    if one.filters:
        return {
            "forward": lambda on: convolution.conv_forward(on, x, W, b, window),
            "delta": lambda on: convolution.conv_delta(on, delta, W, window, 1, shape),
            "gradient": lambda on: convolution.conv_gradient(on, delta, x, window),
        }
    _, winner = pooling.max_pool_forward(device, x, window)
    return {
        "forward": lambda on: pooling.max_pool_forward(on, x, window)[0],
        "delta": lambda on: pooling.max_pool_delta(on, delta, winner, window, shape),
    }


Work = Callable[[], Any]


def agreeing(result: Array, ways: dict[str, Work], exact: Callable[[Work], Work]) -> tuple[dict[str, Work], str]:
    """Return the layouts of PyTorch that agree with our result, and the largest difference in words.

    cuDNN chooses the fastest algorithm, which may be an inexact one. Where a layout differs from ours, that which cuDNN
    promises to be deterministic takes its place, if it agrees.

    Raises
    ------
    Disagreement
        If none agrees.
    """
    found, words, differs = {}, [], []
    for layout, work in ways.items():
        for name, one in ((layout, work), (f"{layout}, deterministic", exact(work))):
            try:
                words.append(check({"result": result}, {"result": one().cpu().numpy()}))
            except Disagreement as error:
                differs.append(error)
                continue
            found[name] = one
            break
    if not found:
        raise differs[-1]
    return found, max(words)


def _calls(ours: Callable[[], Any]) -> int:
    """How many calls are one graph: fewer of long ones."""
    estimate = seconds(ours)
    return max(1, min(IN_A_GRAPH, int(AT_MOST / estimate)))


def _in_turn(takes: dict[str, Callable[[int], Taken]], rounds: int) -> dict[str, Any]:
    """The times of all, in turn."""
    taken: dict[str, list[float]] = {who: [] for who in takes}
    for turn in range(1 + rounds):  # the first warms up
        for who, take in takes.items():
            step = take(1).step * 1e6
            taken[who] += [step] if turn else []
    times = {who: median(values) for who, values in taken.items()}
    best = min(set(times) - {"ours"}, key=lambda who: times[who])
    return {
        "ours_us": times["ours"],
        "ours_min_us": min(taken["ours"]),
        "theirs": best,
        "theirs_us": times[best],
        "theirs_min_us": min(taken[best]),
        "ratio": times[best] / times["ours"],
        "rounds": rounds,
    }


def _leasts(one: Layer, ceilings: Ceilings) -> dict[str, float]:
    """The least seconds of each pass: its operations, its arrays moved once, and one launch."""
    ledger, (N, C, H, W) = Ledger(), one.shape
    x = np.empty(one.shape, "f4")
    y = np.empty((N, one.filters or C, *one.window.output_shape(H, W)), "f4")
    if one.filters:
        weights = np.empty((one.filters, C, *one.window.size), "f4")
        convolution.conv_forward(ledger, x, weights, weights[:, 0, 0, 0], one.window)
        convolution.conv_delta(ledger, y, weights, one.window, 1, (H, W))
        convolution.conv_gradient(ledger, y, x, one.window)  # the sum of its parts comes last, and can be avoided
        moved = x.nbytes + weights.nbytes + y.nbytes
    else:
        _, winner = pooling.max_pool_forward(ledger, x, one.window)
        pooling.max_pool_delta(ledger, y, winner, one.window, (H, W))
        moved = x.nbytes + y.nbytes + winner.nbytes
    return {
        name: max(work.operations / ceilings.multiply_adds, moved / ceilings.copy) + ceilings.node
        for name, work in zip(one.passes, ledger.works, strict=False)
    }
