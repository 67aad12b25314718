"""Kernels that the demo needs later, compiled by its second process while the first one still compiles its training."""

from __future__ import annotations

import io
from contextlib import redirect_stderr

from nnpg.attacks import minimal_distortion
from nnpg.class_gradients import class_gradient
from nnpg.data import Dataset
from nnpg.knockout import knock_out_curve
from nnpg.network import Network
from nnpg.prediction import predict, prediction_gradient
from nnpg.programs.reports import compilation_report
from nnpg.recipes.models import face_net
from nnpg.scores import filter_scores
from nnpg_kernels import Array
from nnpg_kernels.threads import use_threads


def compile_ahead(data: Dataset) -> None:
    """Compile the kernels of the ranking, of knock-outs, of gradients and of the attack, unless they are kept already.

    Kernels are not made for weights: those of a network that is not trained are the same ones.
    """
    with redirect_stderr(io.StringIO()), use_threads(1):  # the first process says it; there are as many as cores
        net = face_net(data.x, data.K, rng=0)
        if compilation_report(net)["prediction_gradient"] and _missing(net):
            _compile(net, data.x, data.labels)


def _compile(net: Network, x: Array, labels: Array) -> None:
    """Compute a little of all that comes after the training."""
    scores = filter_scores(net, x, labels, progress=False)
    knock_out_curve(net, x, labels, scores.strongest(0)[:2], progress=False)
    prediction_gradient(net, x[:: len(x) // net.K], layers=tuple(scores.scores))
    class_gradient(net, x, labels, layers="input", progress=False)
    given = predict(net, x[:1]).argmax(axis=1)  # for another class there would be nothing to search for
    minimal_distortion(net, x[:1], "all", labels=given, progress=False)


def _missing(net: Network) -> bool:
    """Whether the kernel that gradients of all classes begin with is not kept."""
    from nnpg_kernels.numba.kernels.seeds import seed_classes

    return seed_classes(net.dtype).missing is not None
