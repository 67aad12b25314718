"""Explorer pages of four networks, written once, and what a state of a page shows, read from the page."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import nnpg
from nnpg.data import faces
from nnpg.explorer import images_of_page, read_page

NETS = ("faces", "digits", "cifar", "odd")
READ = (Path(__file__).parent / "reading.js").read_text(encoding="utf-8")


@dataclass(frozen=True, eq=False)
class Written:
    """A page and what it is about: the network in float64, its images and labels."""

    path: Path
    net: nnpg.Network
    x: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]


def write(name: str, folder: Path) -> Written:
    """Write the page of a network."""
    net, x, labels, class_names = MAKERS[name]()
    path = nnpg.explore(
        net,
        x,
        labels,
        folder / f"{name}.html",
        class_names=class_names,
        title=name,
        attack=name == "odd",
        progress=False,
    )
    page = read_page(path, "numpy")
    return Written(path, page.net.astype("float64"), page.x.astype("float64"), page.labels, page.class_names)


@cache
def trained_faces() -> tuple[Any, ...]:
    """The papers' network for faces after a few epochs, and images of six classes."""
    data = faces()
    net = nnpg.face_net(data.x, K=data.K, rng=0)
    net = nnpg.train(net, data.x, data.labels, epochs=8, batch=10, rng=0, progress=False).net
    chosen = images_of_page(net, data.x, data.labels, 6)
    return net, data.x[chosen], data.labels[chosen], data.class_names


def random_images(shape: tuple[int, ...], n: int) -> np.ndarray:
    """Images of 8 bits, smooth in places, so that pools have winners of different size."""
    bytes_ = np.random.default_rng(1).integers(0, 256, (n, *shape))
    return (bytes_ / np.float32(255)).astype(np.float32)


def digits() -> tuple[Any, ...]:
    x = random_images((1, 28, 28), 6)
    return nnpg.digit_net(x, rng=0), x, np.arange(6), None


def cifar() -> tuple[Any, ...]:
    x = random_images((3, 16, 16), 4)
    return nnpg.cifar_net(x, rng=0), x, np.arange(4), None


def odd() -> tuple[Any, ...]:
    """Normalisation across maps, groups, stride, dilation, four paddings, average pooling, a sigmoid between."""
    recipe = [
        nnpg.conv(4, 3, stride=2, padding=(1, 0, 2, 1)),
        nnpg.ReLU(),
        nnpg.LocalResponseNorm(3, alpha=0.5),
        nnpg.conv(6, 3, groups=2, dilation=(1, 2), padding=1),
        nnpg.Sigmoid(),
        nnpg.AvgPool(3, 2, padding=1),
        nnpg.Flatten(),
        nnpg.dense(5),
        nnpg.Softmax(),
    ]
    x = random_images((2, 13, 12), 5)
    return (
        nnpg.build(recipe, input_shape=(2, 13, 12), rng=0),
        x,
        np.arange(5),
        ("<b>", "a & b", 'c"', "d</script>", "ä"),
    )


MAKERS = {"faces": trained_faces, "digits": digits, "cifar": cifar, "odd": odd}


def opened(context: Any, written: Written) -> Any:
    """Open a page, and wait until it is drawn."""
    page = context.new_page()
    page.goto(written.path.as_uri())
    page.wait_for_selector("body[data-state]", state="attached")
    page.evaluate(READ)
    return page


def shows(text: str, value: float, size: float = 0.0, count: int = 4) -> bool:
    """Return whether a number on the page is `value` in `count` digits, up to rounding errors of sums of this size."""
    number = float(text.replace("−", "-").replace("∞", "inf"))
    exponent = np.floor(np.log10(abs(value))) if value else -np.inf
    return abs(number - value) <= 0.5001 * 10.0 ** (exponent - count + 1) + 1e-12 * max(size, abs(value))
