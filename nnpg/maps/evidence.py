"""Where in a picture the evidence for a class lies, by several methods: maps (N, H, W), higher is more evidence.

| map                | what it shows                                           | passes over N images          |
|--------------------|---------------------------------------------------------|-------------------------------|
| `strongest_map`    | highest prediction gradient of any filter (Lo 2016)     | 1 forward, 1 backward         |
| `contribution_map` | prediction gradient x how far outputs are from average  | 2 forward, 1 backward         |
| `saliency_map`     | size of the gradient at the pixels (Simonyan 2013)      | 1 forward, 1 backward         |
| `occlusion_map`    | what covering a place costs (Zeiler & Fergus 2013)      | 1 forward for each place      |
| `departure_map`    | how far outputs are from average; no class, no gradient | 2 forward                     |
| `edge_map`         | contrast of the picture; no network                     | 0                             |

All take (net, x, classes), so that `benchmark_localisation` takes any of them, and yours. A map is NaN where the method
says nothing: at the rim, where no unit of a hidden layer looks straight at.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nnpg.maps.receptive_fields import receptive_field
from nnpg.network import Network
from nnpg.prediction import BATCH, filter_layers, prediction_gradient
from nnpg.rankings.common import class_outputs
from nnpg.scores import saliency
from nnpg.seeds import Of
from nnpg.support.arguments import as_count, as_labels, as_numbers, described
from nnpg.support.network_arguments import as_images, as_network, as_output
from nnpg.support.progress import progress as progress_bar
from nnpg_kernels import Array


def strongest_map(
    net: Network, x: npt.ArrayLike, classes: npt.ArrayLike, *, layer: str | None = None, of: Of = "prob"
) -> Array:
    """Return the highest prediction gradient of any filter at each place: max_f dy_c/do_f (Lo 2016, 4.3.1).

    "The highest PG indicates which filter and region contributes most to classification."

    Parameters
    ----------
    net : Network
    x : array (N, *net.input_shape)
    classes : array (N,)
        The class to explain in each image.
    layer : str, optional
        A feature map's output; the first convolutional block unless given, as in the thesis.
    of : "prob", "logit" or "logprob"

    Returns
    -------
    array (N, H, W)
        Signed.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.conv(2, 3), nnpg.Tanh(), nnpg.Flatten(), nnpg.dense(3), nnpg.Softmax()],
    ...                  input_shape=(1, 6, 6), rng=0)
    >>> at = strongest_map(net, np.random.default_rng(0).random((4, 1, 6, 6)), [0, 1, 2, 0])
    >>> at.shape, bool(np.isnan(at[:, 0]).all()), bool(np.isnan(at[:, 1:-1, 1:-1]).any())
    ((4, 6, 6), True, False)
    """
    x, t = _explained(net, x, classes)
    layer = _first_block(net, layer)
    field = receptive_field(net, layer)
    delta = prediction_gradient(net, x, layers=layer, classes="true", labels=t, of=of)[layer]  # (N, F, H', W')
    return field.spread(delta.max(axis=1), _shape(x))


def contribution_map(
    net: Network,
    x: npt.ArrayLike,
    classes: npt.ArrayLike,
    *,
    layer: str | None = None,
    of: Of = "prob",
    reference: npt.ArrayLike | None = None,
) -> Array:
    """Return what each place adds to y_c, to first order: sum_f dy_c/do_f (o_f - mean o_f).

    It is minus the change in y_c foretold if every filter's output there were set to its mean.

    Parameters
    ----------
    net, x, classes, layer, of
        As in `strongest_map`; `layer="input"` asks the pixels.
    reference : array (M, *net.input_shape), optional
        Images to average over; `x` itself unless given.

    Returns
    -------
    array (N, H, W)
        Positive where the place speaks for the class, negative where it speaks against it.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.Flatten(), nnpg.dense(2)], input_shape=(1, 1, 2), rng=0, dtype="float64")
    >>> net = net.replace("dense1", W=np.array([[3.0, 1.0], [0.0, 0.0]]))
    >>> contribution_map(net, [[[[1.0, 1.0]]], [[[0.0, 0.0]]]], [0, 0], layer="input", of="logit")
    array([[[ 1.5,  0.5]], [[-1.5, -0.5]]])
    """
    x, t = _explained(net, x, classes)
    layer = _first_block(net, layer)
    delta = prediction_gradient(net, x, layers=layer, classes="true", labels=t, of=of)[layer]  # (N, F, H', W')
    added = delta * _departure(net, x, layer, reference)
    return receptive_field(net, layer).spread(added.sum(axis=1), _shape(x))


def saliency_map(
    net: Network, x: npt.ArrayLike, classes: npt.ArrayLike, *, layer: str = "input", of: Of = "prob"
) -> Array:
    """Return the size of the gradient at each place: max_f |dy_c/do_f|, at the pixels unless `layer` is given.

    At the pixels it is the image saliency of Simonyan et al. 2013; at a hidden layer that of Lo 2016, 3.2.2.

    Parameters
    ----------
    net, x, classes, layer, of
        As in `strongest_map`.

    Returns
    -------
    array (N, H, W)

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.Flatten(), nnpg.dense(2)], input_shape=(1, 1, 2), rng=0, dtype="float64")
    >>> net = net.replace("dense1", W=np.array([[3.0, -4.0], [0.0, 0.0]]))
    >>> saliency_map(net, np.zeros((1, 1, 1, 2)), [0], of="logit")
    array([[[3., 4.]]])
    """
    x, t = _explained(net, x, classes)
    field = receptive_field(net, layer)
    gradient = prediction_gradient(net, x, layers=layer, classes="true", labels=t, of=of)
    return field.spread(saliency(gradient)[layer], _shape(x))


def occlusion_map(
    net: Network,
    x: npt.ArrayLike,
    classes: npt.ArrayLike,
    *,
    window: int = 7,
    stride: int = 3,
    fill: npt.ArrayLike | None = None,
    progress: bool | None = None,
) -> Array:
    """Return what covering each place with a square costs: the fall of log y_c (Zeiler & Fergus 2013, 4.2).

    log y_c orders places as y_c does, and still tells them apart where y_c rounds to 1.

    Parameters
    ----------
    net, x, classes
        As in `strongest_map`.
    window, stride : int
        Side of the square and its steps, in pixels. A pixel gets the mean over the squares that cover it.
    fill : float or array (C, H, W), optional
        What covers: one grey, the mean pixel of `x` unless given, or another picture, such as the average one, which
        shows in the square what is usual there.
    progress : bool, optional
        Draw a bar; unless given, only on a terminal.

    Returns
    -------
    array (N, H, W)

    Raises
    ------
    ValueError
        If the square does not fit into the picture, or steps over pixels.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.Flatten(), nnpg.dense(2), nnpg.Softmax()], input_shape=(1, 1, 2), rng=0)
    >>> net = net.replace("dense1", W=np.array([[9.0, 0.0], [0.0, 0.0]], "float32"))
    >>> occlusion_map(net, [[[[1.0, 1.0]]]], [0], window=1, stride=1, fill=0.0).round(2)    # log 1 - log 0.5
    array([[[0.69, 0.  ]]])
    """
    x, t = _explained(net, x, classes)
    H, W = _shape(x)
    window = as_count(window, "window", most=min(H, W))
    stride = as_count(stride, "stride", most=window)
    x = x.astype(net.dtype, copy=False)
    cover = as_cover(x.mean() if fill is None else fill, x)
    rows, columns = (sorted({*range(0, side - window + 1, stride), side - window}) for side in (H, W))
    whole, fall, covered = _log_y(net, x, t), np.zeros((len(x), H, W)), np.zeros((H, W))
    with progress_bar("covering", len(rows) * len(columns), show=progress) as advance:
        for i in rows:
            for j in columns:
                place = (slice(i, i + window), slice(j, j + window))
                hidden = x.copy()
                hidden[:, :, *place] = cover[:, *place]
                fall[:, *place] += (whole - _log_y(net, hidden, t))[:, None, None]
                covered[place] += 1
                advance()
    return fall / covered


def departure_map(
    net: Network,
    x: npt.ArrayLike,
    classes: npt.ArrayLike | None = None,
    *,
    layer: str | None = None,
    reference: npt.ArrayLike | None = None,
) -> Array:
    """Return how far the outputs at each place are from their average, sum_f |o_f - mean o_f|: `classes` is not asked.

    What `contribution_map` adds to this is the gradient's doing.

    Parameters
    ----------
    net, x, layer, reference
        As in `contribution_map`.
    classes : ignored

    Returns
    -------
    array (N, H, W)

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.Tanh()], input_shape=(1, 1, 2), rng=0)
    >>> departure_map(net, [[[[1.0, 5.0]]], [[[3.0, 5.0]]]], layer="input")
    array([[[1., 0.]],
           [[1., 0.]]])
    """
    x = _pictures(net, x)
    layer = _first_block(net, layer)
    away = _departure(net, x, layer, reference)
    return receptive_field(net, layer).spread(abs(away).sum(axis=1), _shape(x))


def edge_map(net: Network, x: npt.ArrayLike, classes: npt.ArrayLike | None = None) -> Array:
    """Return how steeply grey levels change at each pixel, from the picture alone: no network, no class.

    What people see in a picture is mostly this: a method that cannot do better explains the picture, not the network
    (Adebayo et al. 2018).

    Parameters
    ----------
    net, classes : ignored
    x : array (N, C, H, W)

    Returns
    -------
    array (N, H, W)

    Examples
    --------
    >>> edge_map(None, np.array([[[[0.0, 0.0, 1.0, 1.0]] * 2]]))[0, 0]
    array([0. , 0.5, 0.5, 0. ])
    """
    pixels = as_numbers(x, "x", "images (N, C, H, W)", ndim=4, finite=True)
    if min(pixels.shape[2:]) < 2 or len(pixels) == 0:
        raise ValueError(f"x must be images of 2 x 2 pixels or more, at least one, not {described(pixels)}")
    down, right = np.gradient(pixels.astype(np.float64), axis=(-2, -1))
    return np.hypot(down, right).max(axis=1)


def _explained(net: Network, x: npt.ArrayLike, classes: npt.ArrayLike) -> tuple[Array, Array]:
    x = _pictures(net, x)
    return x, as_labels(classes, len(x), net.K, "classes")


def _pictures(net: Network, x: npt.ArrayLike) -> Array:
    if len(as_network(net).input_shape) != 3:
        raise ValueError(
            f"net must take images (C, H, W), not {net.input_shape}: there is no place in a row of numbers"
        )
    return as_images(net, x, least=1, finite=True)


def as_cover(fill: npt.ArrayLike, x: Array) -> Array:
    """Return what covers pixels as a picture (C, H, W) in the type of the images."""
    expected = f"a number or an array that broadcasts to {x.shape[1:]},"
    cover = as_numbers(fill, "fill", expected, finite=True)
    try:
        return np.broadcast_to(cover.astype(x.dtype), x.shape[1:])
    except ValueError:
        raise ValueError(f"fill must be {expected} not {described(cover)}") from None


def _first_block(net: Network, layer: str | None) -> str:
    if layer is not None:
        return as_output(net, layer)
    blocks = filter_layers(net)
    if not blocks:
        raise ValueError(f"this network has no convolutional block: say which layer, of {', '.join(net.names)}")
    return blocks[0]


def _departure(net: Network, x: Array, layer: str, reference: npt.ArrayLike | None) -> Array:
    """How far each output is from its mean over the reference images, (N, F, H', W')."""
    own = _outputs(net, x, layer)
    usual = own if reference is None else _outputs(net, as_images(net, reference, "reference", least=1), layer)
    return own - usual.mean(axis=0)


def _outputs(net: Network, x: Array, layer: str) -> Array:
    batches = (net.forward(x[n : n + BATCH], upto=layer)[layer] for n in range(0, len(x), BATCH))
    return np.concatenate([net.backend.to_numpy(o).astype(np.float64) for o in batches])


def _log_y(net: Network, x: Array, t: Array) -> Array:
    """Log y_c of each image's class, (N,)."""
    batches = [class_outputs(net, net.forward(x[n : n + 4 * BATCH]), "logprob") for n in range(0, len(x), 4 * BATCH)]
    return np.concatenate(batches)[np.arange(len(x)), t]


def _shape(x: Array) -> tuple[int, int]:
    return x.shape[-2], x.shape[-1]
