"""What excites a filter: the images that it answers to most, what it sees there, and that sent back to the pixels.

(Zeiler & Fergus 2014, Fig. 2; Lo 2016, Fig. 3.4.)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnpg.maps.projection import RULES, Rule, project
from nnpg.maps.receptive_fields import receptive_field
from nnpg.network import Network
from nnpg.prediction import BATCH
from nnpg.support.arguments import as_choice, as_count, as_instance, as_numbers, as_whole, described
from nnpg.support.network_arguments import as_images, as_network, as_output
from nnpg_kernels import Array


class Places(NamedTuple):
    """The units of each filter that answer most: arrays (F, n) of their images, rows and columns in the map."""

    image: Array
    i: Array
    j: Array


class Views(NamedTuple):
    """What n units of each of F filters see, and what they send back to those pixels: arrays (F, n, C, h, w)."""

    patches: Array
    sent_back: Array


def highest_outputs(
    net: Network, x: npt.ArrayLike, layer: str, n: int, *, one_per: npt.ArrayLike | None = None
) -> Places:
    """Find for each filter the n images that it answers to most, and the unit that does.

    Parameters
    ----------
    net : Network
    x : array (N, *net.input_shape)
    layer : str
        A feature map's output.
    n : int
    one_per : array (N,), optional
        At most one image of those that share a number, such as a person's, which are nearly the same.

    Raises
    ------
    ValueError
        If there are fewer than n such images.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.Tanh()], input_shape=(1, 1, 2), rng=0)
    >>> highest_outputs(net, [[[[0.0, 1.0]]], [[[3.0, 0.0]]], [[[2.0, 0.0]]]], "tanh1", 2, one_per=[0, 1, 1])
    Places(image=array([[1, 0]]), i=array([[0, 0]]), j=array([[0, 1]]))
    """
    x, layer = as_images(as_network(net), x, least=1, finite=True), _map(net, layer)
    groups = np.arange(len(x)) if one_per is None else as_numbers(one_per, "one_per", f"an array ({len(x)},)", ndim=1)
    if len(groups) != len(x):
        raise ValueError(f"one_per must be an array ({len(x)},), one number for each image, not {described(groups)}")
    n = as_count(n, "n", most=len(np.unique(groups)))  # as many as there are images to choose
    batches = (net.forward(x[k : k + BATCH], upto=layer)[layer] for k in range(0, len(x), BATCH))
    o = np.concatenate([net.backend.to_numpy(batch) for batch in batches])  # (N, F, H', W')
    flat = o.reshape(*o.shape[:2], -1)
    chosen = np.empty((o.shape[1], n), np.intp)
    for f, answers in enumerate(flat.max(axis=2).T):
        order = np.argsort(-answers, kind="stable")
        _, first = np.unique(groups[order], return_index=True)  # where each group's best stands
        chosen[f] = order[np.sort(first)[:n]]
    at = np.take_along_axis(flat, chosen.T[:, :, None], axis=0).argmax(axis=2).T  # (F, n)
    i, j = np.unravel_index(at, o.shape[2:])
    return Places(chosen, np.asarray(i), np.asarray(j))


def sent_back(
    net: Network,
    x: npt.ArrayLike,
    layer: str,
    filters: npt.ArrayLike,
    i: npt.ArrayLike,
    j: npt.ArrayLike,
    *,
    rule: Rule = "gradient",
) -> Array:
    """Send one unit of each image back to the pixels: do/dx by the plain gradient, (N, C, H, W).

    Simonyan et al. 2013 show it to be the deconvnet's picture, but for how rectifiers are passed.

    Parameters
    ----------
    net : Network
    x : array (N, *net.input_shape)
    layer : str
        A feature map's output.
    filters, i, j : arrays (N,)
        The unit of each image: its filter, row and column in the map.
    rule : "gradient", "deconvnet" or "guided"
        As in `project`.

    Raises
    ------
    ValueError
        If there is not one unit an image.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.conv(2, 1)], input_shape=(1, 1, 2), rng=0)
    >>> net = net.replace("conv1", W=np.array([3.0, 5.0]).reshape(2, 1, 1, 1))
    >>> sent_back(net, np.zeros((2, 1, 1, 2)), "conv1", [0, 1], [0, 0], [1, 0])[:, 0, 0]
    array([[0., 3.], [5., 0.]])
    """
    x, layer = as_images(as_network(net), x, least=1), _map(net, layer)
    as_choice(rule, "rule", RULES)
    each = f"one unit for each image, {len(x)}"
    f, rows, columns = (
        as_whole(own, name, each, ndim=1, least=0, most=side - 1)
        for own, name, side in zip((filters, i, j), ("filters", "i", "j"), net.shapes[layer], strict=True)
    )
    for own, name in ((f, "filters"), (rows, "i"), (columns, "j")):
        if len(own) != len(x):
            raise ValueError(f"{name} must be {each}, not {len(own)}")
    parts = []
    for n in range(0, len(x), BATCH):
        some = slice(n, n + BATCH)
        trace = net.forward(x[some], upto=layer)
        units = np.zeros(trace[layer].shape, bool)
        units[np.arange(len(units)), f[some], rows[some], columns[some]] = True
        parts.append(project(net, trace, layer, units=units, rule=rule, signal="one"))
    return np.concatenate(parts)


def views(net: Network, x: npt.ArrayLike, layer: str, places: Places, *, rule: Rule = "gradient") -> Views:
    """Cut out what each unit sees, and what it sends back to those pixels (`sent_back`).

    Parameters
    ----------
    net, x, layer, rule
        As in `sent_back`.
    places : Places
        As from `highest_outputs`.

    Raises
    ------
    KeyError, ValueError
        If `layer` is no feature map.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.conv(2, 3), nnpg.Tanh(), nnpg.conv(4, 3)], input_shape=(1, 8, 8), rng=0)
    >>> x = np.random.default_rng(0).random((6, 1, 8, 8))
    >>> views(net, x, "conv1", highest_outputs(net, x, "conv1", 5)).patches.shape
    (2, 5, 1, 3, 3)
    """
    x, field = as_images(as_network(net), x, least=1), receptive_field(net, layer)
    places = as_instance(places, Places, "places")
    seen: list[list[Array]] = []
    back: list[list[Array]] = []
    for f, (images, rows, columns) in enumerate(zip(*places, strict=True)):
        delta = sent_back(net, x[images], layer, np.full(len(images), f), rows, columns, rule=rule)
        boxes = [field.box(int(i), int(j)) for i, j in zip(rows, columns, strict=True)]
        seen.append([_cut(own, box) for own, box in zip(x[images], boxes, strict=True)])
        back.append([_cut(own, box) for own, box in zip(delta, boxes, strict=True)])
    return Views(np.array(seen), np.array(back))


def _map(net: Network, layer: str) -> str:
    if len(net.shapes[as_output(net, layer)]) != 3:
        raise ValueError(f"layer must name an output of feature maps (F, H, W), not {layer!r} of {net.shapes[layer]}")
    return layer


def _cut(picture: Array, box: tuple[int, int, int, int]) -> Array:
    """The pixels (C, h, w) in a box; 0 where padding puts it beyond the picture."""
    top, left, h, w = box
    H, W = picture.shape[1:]
    rows, columns = np.arange(top, top + h), np.arange(left, left + w)
    inside = ((rows >= 0) & (rows < H))[:, None] & ((columns >= 0) & (columns < W))
    return np.where(inside, picture[:, rows.clip(0, H - 1)[:, None], columns.clip(0, W - 1)], 0)
