"""What excites a filter: the images with its highest outputs, the pixels it sees there, and its projection to them.

(Zeiler & Fergus 2014, Fig. 2; Lo 2016, Fig. 3.4.)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnpg.analysis.outputs import layer_outputs
from nnpg.batches import in_batches
from nnpg.maps.projection import RULES, Rule, sent_back, with_rule
from nnpg.maps.receptive_fields import receptive_field
from nnpg.network import Network, as_network
from nnpg.prediction import BATCH
from nnpg.support.arguments import as_choice, as_count, as_instance, as_numbers, as_whole, described
from nnpg.support.network_arguments import as_images, as_output, placed
from nnpg_kernels import Array


class Places(NamedTuple):
    """The units of each filter with the highest outputs: arrays (F, n) of their images, rows and columns in the map."""

    image: Array
    i: Array
    j: Array


class Views(NamedTuple):
    """The pixels that n units of each of F filters see, and the units' projections to them: arrays (F, n, C, h, w)."""

    patches: Array
    projections: Array


def highest_outputs(
    net: Network, x: npt.ArrayLike, *, layer: str, n: int, one_per: npt.ArrayLike | None = None
) -> Places:
    """Find for each filter the n images with its highest outputs, and the unit of the map that gives each.

    Parameters
    ----------
    net : Network
    x : array (N, *net.input_shape)
    layer : str
        A feature map's output.
    n : int
    one_per : array (N,), optional
        A number for each image, such as its person's: of images with the same number at most one is chosen.

    Returns
    -------
    Places
        Highest first; of equal images the first, of equal units the first in row-major order.

    Raises
    ------
    ValueError, KeyError
        If there are fewer than n such images, or `layer` is no output with feature maps.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.Tanh()], input_shape=(1, 1, 2), rng=0)
    >>> x = [[[[0.0, 1.0]]], [[[3.0, 0.0]]], [[[2.0, 0.0]]]]
    >>> highest_outputs(net, x, layer="tanh1", n=2, one_per=[0, 1, 1])
    Places(image=array([[1, 0]]), i=array([[0, 0]]), j=array([[0, 1]]))
    """
    x, layer = as_images(as_network(net), x, least=1, finite=True), _as_map(net, layer)
    groups = np.arange(len(x)) if one_per is None else as_numbers(one_per, "one_per", f"an array ({len(x)},)", ndim=1)
    if len(groups) != len(x):
        raise ValueError(f"one_per must be an array ({len(x)},), one number for each image, not {described(groups)}")
    n = as_count(n, "n", most=len(np.unique(groups)))  # one image of each group can be chosen
    outputs = layer_outputs(net, x, layer=layer, batch=BATCH)  # (N, F, H', W')
    N, F, *size = outputs.shape
    flat = outputs.reshape(N, F, -1)
    images = np.empty((F, n), np.intp)
    for f, highest in enumerate(flat.max(axis=2).T):
        order = np.argsort(-highest, kind="stable")
        _, first = np.unique(groups[order], return_index=True)  # where in the order each group's best image is
        images[f] = order[np.sort(first)[:n]]
    unit = np.take_along_axis(flat, images.T[:, :, None], axis=0).argmax(axis=2).T  # (F, n)
    i, j = np.unravel_index(unit, size)
    return Places(images, np.asarray(i), np.asarray(j))


def project_units(
    net: Network,
    x: npt.ArrayLike,
    filters: npt.ArrayLike,
    i: npt.ArrayLike,
    j: npt.ArrayLike,
    *,
    layer: str,
    rule: Rule = "gradient",
) -> Array:
    """Send one unit of each image back to the pixels: do/dx by the plain gradient.

    Simonyan et al. 2013 show that the deconvnet gives the same picture, apart from what it does at rectifiers.

    Parameters
    ----------
    net : Network
    x : array (N, *net.input_shape)
    filters, i, j : arrays (N,)
        The unit of each image: its filter, and its row and column in the map.
    layer : str
        A feature map's output.
    rule : "gradient", "deconvnet" or "guided"
        As in `project`.

    Returns
    -------
    array (N, C, H, W)

    Raises
    ------
    ValueError, KeyError
        If there is not one unit for each image, or `layer` is no output with feature maps.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.conv(2, 1)], input_shape=(1, 1, 2), rng=0)
    >>> net = net.replace("conv1", W=np.array([3.0, 5.0]).reshape(2, 1, 1, 1))
    >>> project_units(net, np.zeros((2, 1, 1, 2)), [0, 1], [0, 0], [1, 0], layer="conv1")[:, 0, 0]
    array([[0., 3.], [5., 0.]])
    """
    x, layer = as_images(as_network(net), x, least=1), _as_map(net, layer)
    as_choice(rule, "rule", RULES)
    expected = f"one unit for each image, {len(x)}"
    filters, i, j = (
        as_whole(values, name, expected, ndim=1, least=0, most=side - 1)
        for values, name, side in zip((filters, i, j), ("filters", "i", "j"), net.shapes[layer], strict=True)
    )
    for values, name in ((filters, "filters"), (i, "i"), (j, "j")):
        if len(values) != len(x):
            raise ValueError(f"{name} must be {expected}, not {len(values)}")
    numbers = placed(net, np.stack([filters, i, j]), "filters")
    projections = _projections(net, placed(net, x), numbers, layer, rule)
    return np.concatenate([net.backend.to_numpy(part) for part in projections])


def _projections(net: Network, x: Array, units: Array, layer: str, rule: Rule) -> Iterator[Array]:
    """Yield the projections of a batch of images, each of its unit (filter, row and column): `units` is (3, N)."""
    xp, ruled = net.backend.xp, with_rule(net, rule=rule)
    for rows in in_batches(len(x), None, BATCH):
        trace = net.forward(x[rows], stop=layer)
        chosen = xp.zeros(trace[layer].shape, bool)
        chosen[(xp.arange(len(chosen)), *units[:, rows])] = True
        yield sent_back(ruled, trace, layer, chosen, "one")


def view_units(net: Network, x: npt.ArrayLike, places: Places, *, layer: str, rule: Rule = "gradient") -> Views:
    """Cut out the pixels that each unit sees, and the unit's projection to those pixels (`project_units`).

    Parameters
    ----------
    net, x, layer, rule
        As in `project_units`.
    places : Places
        As from `highest_outputs`.

    Returns
    -------
    Views
        0 where padding lets a unit see beyond the picture.

    Raises
    ------
    KeyError, ValueError
        If `layer` is no output with feature maps.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.conv(2, 3), nnpg.Tanh(), nnpg.conv(4, 3)], input_shape=(1, 8, 8), rng=0)
    >>> x = np.random.default_rng(0).random((6, 1, 8, 8))
    >>> view_units(net, x, highest_outputs(net, x, layer="conv1", n=5), layer="conv1").patches.shape
    (2, 5, 1, 3, 3)
    """
    x, field = as_images(as_network(net), x, least=1), receptive_field(net, layer=layer)
    places, k = as_instance(places, Places, "places"), net.backend
    as_choice(rule, "rule", RULES)
    F, H, W = net.shapes[layer]
    images, *ij = (
        as_whole(a, f"places: {name}", f"an array ({F}, n)", ndim=2, least=0, most=most - 1)
        for a, name, most in zip(places, Places._fields, (len(x), H, W), strict=True)
    )
    x = placed(net, x)
    numbers = placed(net, np.stack([images, np.repeat(np.arange(F)[:, None], images.shape[1], axis=1), *ij]))
    pictures: list[Array] = []
    wholes: list[Array] = []
    for image, *unit in numbers.swapaxes(0, 1):  # of each filter
        pictures.append(x[image])
        wholes += _projections(net, pictures[-1], k.xp.stack(unit), layer, rule)
    seen, sent = (k.to_numpy(k.xp.concatenate(parts)) for parts in (pictures, wholes))
    boxes = [field.box(int(i), int(j)) for i, j in zip(*(a.ravel() for a in ij), strict=True)]
    patches, projections = (np.array([_cut(one, box) for one, box in zip(a, boxes, strict=True)]) for a in (seen, sent))
    return Views(*(a.reshape(*images.shape, *a.shape[1:]) for a in (patches, projections)))


def _as_map(net: Network, layer: str) -> str:
    """Return the name of an output with feature maps (F, H, W)."""
    if len(net.shapes[as_output(net, layer)]) != 3:
        raise ValueError(f"layer must name an output of feature maps (F, H, W), not {layer!r} of {net.shapes[layer]}")
    return layer


def _cut(picture: Array, box: tuple[int, int, int, int]) -> Array:
    """Return the pixels (C, h, w) in a box; 0 where padding puts it beyond the picture."""
    top, left, h, w = box
    H, W = picture.shape[1:]
    rows, columns = np.arange(top, top + h), np.arange(left, left + w)
    inside = ((rows >= 0) & (rows < H))[:, None] & ((columns >= 0) & (columns < W))
    return np.where(inside, picture[:, rows.clip(0, H - 1)[:, None], columns.clip(0, W - 1)], 0)
