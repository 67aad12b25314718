"""What the explorer's page is given of a model: weights, images, sources, digests of what nnpg computed."""

from __future__ import annotations

import base64
import inspect
import json
import textwrap
from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg.attacks import minimal_distortion
from nnpg.attacks.least_distortion.results import Outcome
from nnpg.explanation.quantities import OfNumber, quantity
from nnpg.files.architecture import layer_settings
from nnpg.layers import LAYERS, Dropout, Layer, Sigmoid, Softmax, arrays
from nnpg.layers.shapes import is_built_in
from nnpg.network import Network, as_network
from nnpg.support.arguments import as_class_names, as_flag, as_labels
from nnpg.support.network_arguments import as_images
from nnpg.support.version import VERSION
from nnpg_kernels import Array, load, one_blas_thread

MOST_PARAMETERS = 5_000_000
MOST_IMAGES = 45
PHI, ROOT_2 = 0.6180339887498949, 1.4142135623730951


def explorer_document(
    net: Network,
    x: npt.ArrayLike,
    labels: npt.ArrayLike,
    class_names: Any = None,
    *,
    attack: bool = True,
    progress: bool | None = None,
) -> dict[str, Any]:
    """Return what the explorer's page needs of a model, as JSON can hold it.

    Parameters
    ----------
    net : Network
        Of nnpg's own layers, with at most 5,000,000 parameters and no interventions.
    x : array (N, *net.input_shape)
        1 to 45 images.
    labels : array (N,)
        The class of each image.
    class_names : K strings, optional
        "class 0", "class 1" and so on unless given.
    attack : bool
        Search for the least distortion of each image by `minimal_distortion` with effort "rough", which takes most of
        the time.
    progress : bool, optional
        Draw a progress bar; by default, only on a terminal.

    Returns
    -------
    dict
        "nnpg" (version), "inputShape", "layers" (name, class, settings, arrays), "classNames", "images", "labels",
        "found" (what `minimal_distortion` found for each image, with effort "rough"), "sources" (Python and equations
        of the layers' classes), "digests" (of every output, delta and gradient in float64: see `digest`). The typedefs
        of `document.js` describe it. Arrays are exact.

    Raises
    ------
    ValueError
        If the page cannot compute the network, or images, labels or names do not fit it.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(2), nnpg.Softmax()], input_shape=(3,), rng=0)
    >>> document = explorer_document(net, np.eye(3), [0, 1, 1], progress=False)
    >>> document["images"]["type"], document["layers"][0]["arrays"]["W"]["shape"], document["classNames"]
    ('u1', [2, 3], ['class 0', 'class 1'])
    >>> print(document["sources"]["Softmax"]["backward"]["equation"])
    dL/dx_k = y_k (delta_k - sum_j y_j delta_j)
    """
    host = _known(as_network(net).to("numpy"))
    x = net.backend.to_numpy(as_images(net, x, least=1, finite=True))
    if len(x) > MOST_IMAGES:
        raise ValueError(f"x must be at most {MOST_IMAGES} images, not {len(x)}: take some of them, x[:{MOST_IMAGES}]")
    attack, progress = as_flag(attack, "attack"), None if progress is None else as_flag(progress, "progress")
    classes, names = as_labels(labels, len(x), net.K), as_class_names(class_names, net.K)
    return {
        "nnpg": VERSION,
        "inputShape": list(net.input_shape),
        "layers": packed_layers(host),
        "classNames": list(names),
        "images": packed(x),
        "labels": [int(c) for c in classes],
        "found": _found(net, x, classes, progress) if attack else [None] * len(x),
        "sources": {kind: source(LAYERS[kind]) for kind in sorted({type(a).__name__ for a in net.layers.values()})},
        "digests": _digests(host, x, classes),
    }


def document_text(document: dict[str, Any]) -> str:
    r"""Return a document as the text that stands in the page: ASCII, without "<", so that no tag can end it.

    Examples
    --------
    >>> print(document_text({"classNames": ["</script>"]}))
    {"classNames":["\u003c/script>"]}
    """
    return json.dumps(document, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def packed(a: Array) -> dict[str, Any]:
    """Return an array as base64 in the smallest of these types that holds every number exactly: u1 / 255, f4, f8.

    Examples
    --------
    >>> packed(np.array([0.0, 1.0])), packed(np.array([0.5], "float32"))["type"], packed(np.array([0.1]))["type"]
    ({'shape': [2], 'type': 'u1', 'data': 'AP8='}, 'f4', 'f8')
    """
    with np.errstate(all="ignore"):
        bytes_, single = (np.clip(a, 0, 1) * 255).round().astype(np.uint8), a.astype(np.float32)
    if (bytes_.astype(np.float32) / np.float32(255) == a).all():
        return _encoded(bytes_, "u1")
    return _encoded(single, "f4") if (single == a).all() else _encoded(a, "f8")


def packed_layers(net: Network) -> list[dict[str, Any]]:
    """Return each layer's name, class, settings and arrays; of a dropout layer with a key, the mask of one image.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.MaxPool(2)], input_shape=(1, 4, 4), rng=0)
    >>> packed_layers(net)[0]["settings"]
    {'size': (2, 2), 'stride': (2, 2), 'padding': (0, 0, 0, 0)}
    """
    layers = []
    for name, layer in net.layers.items():
        held = arrays(layer) | _mask(layer, net.shapes[name])
        packed_arrays = {p: packed(a) for p, a in held.items()}
        kind = type(layer).__name__
        layers.append({"name": name, "layer": kind, "settings": layer_settings(layer), "arrays": packed_arrays})
    return layers


def shares(size: int) -> Array:
    """Return the shares (2, size) of the entries in the first two sums of a `digest`, with their signs."""
    i = np.arange(1, size + 1)
    sizes = np.array([0.5 + (i * step - np.floor(i * step)) for step in (PHI, ROOT_2)])
    return np.where(i % 2, -sizes, sizes)


def digest(a: Array, of_entries: Array | None = None) -> list[float]:
    """Return three sums that show any wrong entry of an array, since no two entries have the same share in them.

        sum_i (-1)^i (1/2 + {i phi}) a_i,   sum_i (-1)^i (1/2 + {i sqrt 2}) a_i,   (sum_i a_i^2)^(1/2)

    i from 1 in row-major order, phi = (sqrt 5 - 1) / 2, {t} = t - floor(t). The signs keep the sums small, and
    their rounding with them. `of_entries` is `shares` of the same number of entries or of more.

    Examples
    --------
    >>> [round(s, 4) for s in digest(np.array([1.0, 0.0])) + digest(np.array([0.0, 1.0]))]
    [-1.118, -0.9142, 1.0, 0.7361, 1.3284, 1.0]
    """
    values = np.asarray(a, np.float64).ravel()
    first, second = (shares(a.size) if of_entries is None else of_entries)[:, : a.size]
    with one_blas_thread():  # the same bits on any number of cores
        return [float(first @ values), float(second @ values), float(np.sqrt(values @ values))]


def source(kind: type[Any]) -> dict[str, Any]:
    """Return the Python text of a class of layers: its file, and of each method its equation, first line and text.

    Examples
    --------
    >>> print(source(LAYERS["Tanh"])["backward"]["text"])
    def backward(self, k: Backend, delta: Array, saved: Array) -> Array:
        \"\"\"dL/dx = delta (1 - y^2).\"\"\"
        y = saved
        return delta * (1 - y * y)
    """
    methods = {}
    for name in ("forward", "backward", "gradients"):
        method = getattr(kind, name)
        lines, first = inspect.getsourcelines(method)
        equation = (inspect.getdoc(method) or "").partition("\n")[0].removesuffix(".")
        methods[name] = {"equation": equation, "line": first, "text": textwrap.dedent("".join(lines)).rstrip()}
    return {"file": kind.__module__.replace(".", "/") + ".py", **methods}


def _known(net: Network) -> Network:
    """Refuse a network that the page cannot compute."""
    for name, layer in net.layers.items():
        if not is_built_in(layer):
            raise ValueError(
                f"the explorer does not know layer {name!r}, a {type(layer).__name__}, but only {', '.join(LAYERS)}: "
                "nnpg explain and nnpg.explain show the arithmetic of any layer"
            )
    if net.interventions:
        raise ValueError(
            "the explorer takes a network without interventions, and this one has some on "
            f"{', '.join(net.interventions)}: nnpg.explain shows the arithmetic of changed networks"
        )
    if net.n_parameters > MOST_PARAMETERS:
        raise ValueError(
            f"the explorer takes networks of at most {MOST_PARAMETERS:,} parameters, and this one has "
            f"{net.n_parameters:,}: nnpg explain and nnpg.explain take any network"
        )
    for name, layer in net.layers.items():
        for p, a in arrays(layer).items():
            if not np.isfinite(a).all():
                raise ValueError(f"the explorer takes finite numbers, but {name}.{p} holds NaN or infinity: train anew")
    return net


def _mask(layer: Layer, shape: tuple[int, ...]) -> dict[str, Array]:
    if not isinstance(layer, Dropout) or layer.key is None:
        return {}
    y, _ = layer.forward(load("numpy"), np.ones((1, *shape)))
    return {"mask": (y[0] != 0).astype(np.float64)}


def _found(net: Network, x: Array, labels: Array, progress: bool | None) -> list[dict[str, Any] | None]:
    """Return the least change of each image after which the network takes it for any other class."""
    if net.K < 2 or x.min() < 0 or x.max() > 1:
        return [None] * len(x)
    done = minimal_distortion(net, x, "all", labels=labels, effort="rough", progress=progress)
    found: list[dict[str, Any] | None] = []
    for n, outcome in enumerate(done.outcome):
        r = np.asarray(done.adversarial[n], np.float64) - x[n]
        is_found = outcome != Outcome.NOT_FOUND
        found.append(
            {
                "target": int(done.targets[n]),
                "outcome": Outcome(outcome).name,
                "distortion": float(done.distortion[n]) if is_found else None,
                "change": _in_steps(r) if is_found else None,
            }
        )
    return found


def _in_steps(r: Array) -> dict[str, Any]:
    """Return a change of an image in steps of 1/32767 of its largest entry, two bytes each."""
    scale = float(abs(r).max()) / 32767 or 1.0
    return _encoded((r / scale).round().astype("<i2"), "i2") | {"scale": scale}


def _digests(net: Network, x: Array, labels: Array) -> list[dict[str, Any]]:
    """Return the digests of every output, delta and gradient of each image; all kinds of seeds occur in turn."""
    exact = net.astype(np.float64)
    squashed = type(net.layers[net.names[-1]]) in (Softmax, Sigmoid)
    kinds: tuple[OfNumber, ...] = ("prob", "logit", "logprob", "loss") if squashed else ("logit", "loss")
    found: list[dict[str, Any]] = []
    of_entries: Array | None = None  # the same for every image
    for n, c in enumerate(labels):
        of = kinds[n % len(kinds)]
        trace = exact.forward(x[n : n + 1].astype(np.float64))
        L = quantity(exact, trace, int(c), of)
        deltas = exact.backward(trace, L.seed, start=L.start)
        grads = exact.gradients(trace, deltas)
        computed = [
            *(trace[name] for name in exact.names),
            *(deltas[name] for name in exact.names if name in deltas),
            *(g for name in exact.layers for g in grads.get(name, {}).values()),
        ]
        of_entries = shares(max(a.size for a in computed)) if of_entries is None else of_entries
        found.append({"class": int(c), "of": of, "values": [digest(a, of_entries) for a in computed]})
    return found


def _encoded(a: Array, kind: str) -> dict[str, Any]:
    data = np.ascontiguousarray(a, f"<{kind}").tobytes()
    return {"shape": list(a.shape), "type": kind, "data": base64.b64encode(data).decode()}
