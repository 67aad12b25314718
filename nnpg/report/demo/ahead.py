"""Kernels that the demo needs, compiled by its two processes at the same time, each of them by one."""

from __future__ import annotations

import io
from contextlib import AbstractContextManager, redirect_stderr

from nnpg.attacks import minimal_distortion
from nnpg.data import Dataset
from nnpg.knockout import knock_out_curves
from nnpg.network import Network
from nnpg.optimisers import SGD
from nnpg.prediction import predict
from nnpg.programs.reports import compilation_report
from nnpg.recipes.models import face_net
from nnpg.report.demo.findings import BATCH, LR
from nnpg.scores import filter_scores
from nnpg.training import train
from nnpg_kernels.threads import use_threads


def is_missing(net: Network) -> bool:
    """Return whether the kernel that the ranking begins with is not kept, and so the others neither."""
    if not compilation_report(net)["prediction_gradient"]:
        return False
    from nnpg_kernels.numba.kernels.seeds import seed_images

    return seed_images(net.dtype).missing is not None


def compiled_by_two() -> AbstractContextManager[None]:
    """Return the context in which the first process compiles what `compile_ahead` compiles from the other end on."""
    from nnpg_kernels.numba.runtime.together import shared

    return shared(backwards=False)


def compile_ahead(data: Dataset) -> None:
    """Compile the kernels of the ranking, of knock-outs and of the attack, then the training's from the last one on.

    Kernels are not made for weights: those of a network that is not trained are the same ones.
    """
    from nnpg_kernels.numba.runtime.together import shared

    with redirect_stderr(io.StringIO()), use_threads(1), shared(backwards=True):  # the first process says it
        net, x, labels = face_net(data.x, data.K, rng=0), data.x, data.labels
        scores = filter_scores(net, x, labels, progress=False)
        knock_out_curves(net, x, labels, [scores.strongest(0), scores.weakest(0)], progress=False)
        given = predict(net, x[:1]).argmax(axis=1)  # for another class there would be nothing to search for
        minimal_distortion(net, x[:1], "all", labels=given, effort="rough", progress=False)
        train(net, x[:BATCH], labels[:BATCH], epochs=1, batch=BATCH, rng=0, optimiser=SGD(LR), progress=False)
