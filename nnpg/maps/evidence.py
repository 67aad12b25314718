"""Where in a picture the evidence for a class lies, by the prediction gradient: maps (N, H, W), higher is more.

With o the outputs of a layer and f its filters, each map is one number for each place:

    strongest       max_f  dy_c/do_f                        (Lo 2016, 4.3.1)
    contribution    sum_f  dy_c/do_f (o_f - mean o_f)
    saliency        max_f |dy_c/do_f|                       (Simonyan et al. 2013)

A map is NaN where the method says nothing: at the rim, on which no unit of a hidden layer is centred.
"""

from __future__ import annotations

import numpy.typing as npt

from nnpg.maps.common import as_explained, as_map_layer, departures
from nnpg.maps.receptive_fields import receptive_field
from nnpg.network import Network
from nnpg.prediction import prediction_gradient
from nnpg.scores import saliency
from nnpg.seeds import Of
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
        Signed; NaN at the rim.

    Raises
    ------
    ValueError, KeyError
        If images or classes do not fit the network, or `layer` is no output with feature maps.

    Examples
    --------
    >>> import numpy as np, nnpg
    >>> net = nnpg.build([nnpg.conv(2, 3), nnpg.Tanh(), nnpg.Flatten(), nnpg.dense(3), nnpg.Softmax()],
    ...                  input_shape=(1, 6, 6), rng=0)
    >>> maps = strongest_map(net, np.random.default_rng(0).random((4, 1, 6, 6)), [0, 1, 2, 0])
    >>> maps.shape, bool(np.isnan(maps[:, 0]).all()), bool(np.isnan(maps[:, 1:-1, 1:-1]).any())
    ((4, 6, 6), True, False)
    """
    x, classes = as_explained(net, x, classes)
    layer = as_map_layer(net, layer)
    field = receptive_field(net, layer=layer)
    delta = prediction_gradient(net, x, layers=layer, classes="true", labels=classes, of=of)[layer]  # (N, F, H', W')
    return field.spread(delta.max(axis=1), x.shape[2:])


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

    To first order, setting every filter's output at the place to its mean takes this much from y_c.

    Parameters
    ----------
    net, x, classes, layer, of
        As in `strongest_map`; `layer="input"` gives a map of the pixels themselves.
    reference : array (M, *net.input_shape), optional
        Images to average over; `x` itself unless given.

    Returns
    -------
    array (N, H, W)
        Positive where the place raises y_c, negative where it lowers it.

    Examples
    --------
    >>> import numpy as np, nnpg
    >>> net = nnpg.build([nnpg.Flatten(), nnpg.dense(2)], input_shape=(1, 1, 2), rng=0, dtype="float64")
    >>> net = net.replace("dense1", W=np.array([[3.0, 1.0], [0.0, 0.0]]))
    >>> contribution_map(net, [[[[1.0, 1.0]]], [[[0.0, 0.0]]]], [0, 0], layer="input", of="logit")
    array([[[ 1.5,  0.5]], [[-1.5, -0.5]]])
    """
    x, classes = as_explained(net, x, classes)
    layer = as_map_layer(net, layer)
    field, departure = receptive_field(net, layer=layer), departures(net, x, layer, reference)
    delta = prediction_gradient(net, x, layers=layer, classes="true", labels=classes, of=of)[layer]  # (N, F, H', W')
    return field.spread((delta * departure).sum(axis=1), x.shape[2:])


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
        Not negative.

    Examples
    --------
    >>> import numpy as np, nnpg
    >>> net = nnpg.build([nnpg.Flatten(), nnpg.dense(2)], input_shape=(1, 1, 2), rng=0, dtype="float64")
    >>> net = net.replace("dense1", W=np.array([[3.0, -4.0], [0.0, 0.0]]))
    >>> saliency_map(net, np.zeros((1, 1, 1, 2)), [0], of="logit")
    array([[[3., 4.]]])
    """
    x, classes = as_explained(net, x, classes)
    field = receptive_field(net, layer=layer)
    gradient = prediction_gradient(net, x, layers=layer, classes="true", labels=classes, of=of)
    return field.spread(saliency(gradient)[layer], x.shape[2:])
