"""The public function: it checks its arguments, solves many images by one of two methods, and keeps checkpoints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg.attacks.checks import images_in_box
from nnpg.attacks.least_distortion.boundary.batches import search_pending
from nnpg.attacks.least_distortion.boundary.search import EFFORTS, EffortName, has_kinks
from nnpg.attacks.least_distortion.norms import NORMS, Box, NormName, Settings
from nnpg.attacks.least_distortion.partial_results import PartialResults
from nnpg.attacks.least_distortion.results import Distorted
from nnpg.attacks.least_distortion.working_set import solve_pending, working_set_does_not_fit, working_set_size
from nnpg.attacks.objective import objective_of
from nnpg.attacks.targets import Targets, choose_targets
from nnpg.files.checkpoints import open_checkpoint, saving
from nnpg.files.identities import array_identity, identity, loss_identity
from nnpg.losses import LossMaker
from nnpg.network import Network
from nnpg.support.arguments import as_choice, as_count, as_flag, as_generator, as_number, as_path
from nnpg.support.network_arguments import placed
from nnpg.support.progress import progress_bar
from nnpg_kernels import Array, one_blas_thread

SAVE_EVERY = 30.0  # seconds


def minimal_distortion(
    net: Network,
    x: npt.ArrayLike,
    targets: Targets,
    *,
    labels: npt.ArrayLike | None = None,
    norm: NormName = "squared_l2",
    loss: str | LossMaker = "softmax_cross_entropy",
    polish: bool = True,
    effort: EffortName = "thorough",
    tolerance: float = 0.01,
    box: tuple[float, float] = (0.0, 1.0),
    epsilon: float | None = None,
    kappa: float = 0.0,
    history: int = 4,
    evaluations: int = 1000,
    memory_mb: float | None = None,
    rng: int | np.random.Generator | None = None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    progress: bool | None = None,
) -> Distorted:
    """Change each image as little as can be found so that the network takes it for its target.

    Minimises c |r| + loss(x + r, target) over x + r in the box (Szegedy et al. 2013, 4.1), and finds for each image the
    largest c whose minimiser is still classified as the target. (The paper writes the minimum c; but a larger c gives a
    smaller r, until the network takes the image for its own class again.) The minimum is a local one: it lies on the
    branch of minimisers that is reached when c decreases from a guess for the image. The method for one image, with
    SciPy, is in `nnpg.attacks.least_distortion.definition`.

    Parameters
    ----------
    net : Network
    x : array (N, *net.input_shape)
        Inside the box.
    targets : a class, an array of N classes, "random", "least_likely", "nearest" or "all"
        See `choose_targets`. "all" is the untargeted attack: the least over all other classes.
    labels : array (N,), optional
        The class of each image, which "random" and "all" exclude; the network's answer unless given.
    norm : "squared_l2", "l2" or "l1"
        What |r| is. "l2" and "squared_l2" have the same minimisers, at another c; both are solved as the second.
    loss : str or function of the network
        As in `nnpg.train`.
    polish : bool
        Move from the minimiser to the nearest point of the decision boundary, which does not depend on the loss (not
        for "l1"). Without it the result is the paper's, and larger: by 1% for a sigmoid network, by up to 20% for a
        softmax layer with a strong decay. For a network with kinks (ReLU, Step, MaxPool) it is a search along the
        boundary from many points instead (see `nnpg.attacks.least_distortion.boundary`), with up to 2,300 passes for
        each image and target, or for each image where the targets are "all"; the paper's method is used only for
        images for which that finds nothing.
    effort : "thorough", "quick" or "rough"
        Of the search from many points. "quick" starts from 12 random points in place of 48 and perturbs none: it makes
        about a fifth of the passes, and |r| is a little larger (`python -m benchmarks attack --rivals` prints both).
        "rough" starts from 6 and goes towards fewer classes, for about half of the passes of "quick": a search for a
        picture.
    tolerance : float
        Of the size, relative: for the bracket of c, and for the minimiser that ends the search.
    box : (low, high)
        Of the pixels.
    epsilon : float, optional
        Largest change of any pixel, |r_i| <= epsilon (Goodfellow et al. 2015, Sec. 3): the attack then looks for the
        least |r| of those. A small one leaves images for which nothing is found.
    kappa : float
        Confidence: by how much the target's score must exceed every other score, before any squashing (Carlini & Wagner
        2017, Sec. VI-A). Wherever an image counts as classified as its target below, it is by this margin.
    history : int
        Curvature pairs per image.
    evaluations : int
        Forward and backward passes for one image with one target, at most, before the polish; a search from many points
        makes as many as it needs.
    memory_mb : float, optional
        For the images that are solved at a time, in millions of bytes; unless given, 256, and on a device a quarter of
        its free memory. It bounds their number, which is at most 96 on a CPU. An image of m pixels takes about
        m (20 history + 55) numbers, twice as many for "l1". The results and what the network needs for a block of 48
        images, or of 8 with convolutions (on a device of up to 960), are not included.
    rng : int or numpy.random.Generator, optional
        Needed for "random". It also seeds the search from many points, which has the seed 0 unless it is given.
    checkpoint : path, optional
        File of the results so far; written every 30 seconds and when the work ends or is interrupted. Network and
        loss must be nnpg's, since a file cannot identify a class or a function of the user.
    resume : bool
        Continue from the checkpoint if there is one: of the same network, backend, images, targets and settings.
    progress : bool, optional
        Draw a bar; unless given, only on a terminal.

    Returns
    -------
    Distorted
        `success` says for which images a change was found. The result for an image does not depend on the others;
        on a device it may differ in the last bits.

    Raises
    ------
    ValueError
        If images, targets or settings do not fit, the checkpoint is of another attack, or no file can name the network
        or the loss.
    FileExistsError
        If the checkpoint exists and `resume` is not set.
    MemoryError
        If `memory_mb`, or the images, are more than the free memory of the device, or what the network needs beside
        them. It says which `memory_mb` to pass.
    ModelFileError
        If the checkpoint is damaged, or not one of an attack.
    OSError
        If the checkpoint cannot be written, which is tried before the work. If it fails later, the results so far
        are written to another place, which the message names.

    Examples
    --------
    The class is that of the larger pixel, so the pixels must become equal.

    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(2), nnpg.Softmax()], input_shape=(2,), rng=0)
    >>> net = net.replace("dense1", W=np.eye(2, dtype="float32"))
    >>> found = minimal_distortion(net, [[0.9, 0.5], [0.2, 0.6]], [1, 0])
    >>> found.success, found.adversarial.round(3)
    (array([ True,  True]), array([[0.7, 0.7], [0.4, 0.4]], dtype=float32))
    """
    x = _checked(net, x, box, tolerance, norm, history, evaluations)
    epsilon = None if epsilon is None else as_number(epsilon, "epsilon", above=0)
    kappa = as_number(kappa, "kappa", least=0)
    polish, resume = as_flag(polish, "polish"), as_flag(resume, "resume")
    memory_mb = None if memory_mb is None else as_number(memory_mb, "memory_mb", above=0)
    checkpoint = None if checkpoint is None else as_path(checkpoint, "checkpoint")
    drawn = None if rng is None else as_generator(rng)
    k, placed_x = net.backend, placed(net, x)
    target_classes = choose_targets(net, placed_x, targets, labels=labels, rng=drawn)  # (N, T)
    objective = objective_of(net, loss, kappa)
    untargeted = isinstance(targets, str) and targets == "all"
    as_choice(effort, "effort", EFFORTS)
    settings = Settings(NORMS[norm](objective.xp), Box(*box, epsilon), tolerance, history, evaluations)
    flat, placed_x = k.to_numpy(x).reshape(len(x), -1), placed_x.reshape(len(x), -1)
    results, polished = PartialResults.start(flat, target_classes), polish and norm != "l1"
    on_boundary = polished and has_kinks(net)
    seed = int(drawn.integers(2**32)) if on_boundary and drawn is not None else 0
    named = [] if effort == "thorough" else [effort]  # older checkpoints do not name it
    limits = [] if epsilon is None and kappa == 0 else [epsilon, kappa]  # older checkpoints have neither
    capacity = working_set_size(objective, memory_mb, flat, norm, history)

    def this_run() -> dict[str, Any]:
        return {
            "network": identity(net, "the network"),
            "images": array_identity(flat),
            "targets": array_identity(target_classes),
            "loss": loss_identity(loss),
            "norm": norm,
            "polish": polished,
            "search": [untargeted, seed, *named] if on_boundary else None,
            "settings": identity([tolerance, box, history, evaluations, *limits], "the settings"),
        }

    store, saved = open_checkpoint(checkpoint, "attack", this_run, resume=resume, size=results.nbytes)
    if saved is not None:
        results.load(saved)
    # a step that overflows is rejected, so NumPy need not warn
    quiet = np.errstate(over="ignore", invalid="ignore", divide="ignore")
    bar = progress_bar("attack", len(x), show=progress, done=results.images_done)
    with saving(store, results.contents, SAVE_EVERY) as save, quiet, one_blas_thread(), bar as advance:
        try:
            if on_boundary:
                how = untargeted, seed, EFFORTS[effort]
                search_pending(objective, settings, results, placed_x, capacity, *how, advance, save)
            solve_pending(objective, settings, results, placed_x, capacity, polished, advance, save)
        except MemoryError as error:
            raise working_set_does_not_fit(objective, capacity, flat, norm, history, error) from error
    return replace(results.result(net.input_shape), computed=objective.computed)


def _checked(
    net: Network, x: Any, box: tuple[float, float], tolerance: float, norm: str, history: int, evaluations: int
) -> Array:
    """Return the images in the network's type, or raise an error for an argument that does not fit."""
    x = images_in_box(net, x, box)
    as_choice(norm, "norm", NORMS)
    as_number(tolerance, "tolerance", above=0, below=1)
    as_count(history, "history")
    as_count(evaluations, "evaluations")
    return x
