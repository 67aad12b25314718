"""The least change of an image that makes a network take it for another class (Szegedy et al. 2013, 4.1)."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg.attacks.checks import images_in_box
from nnpg.attacks.least_distortion.boundary import has_kinks
from nnpg.attacks.least_distortion.boundary_batches import search_from_sides
from nnpg.attacks.least_distortion.norms import NORMS, NormName
from nnpg.attacks.least_distortion.partial_results import Tally
from nnpg.attacks.least_distortion.polish import to_the_boundary
from nnpg.attacks.least_distortion.results import Distorted, Outcome
from nnpg.attacks.least_distortion.rows import join, take
from nnpg.attacks.least_distortion.solver import Flight, Landed, Settings
from nnpg.attacks.objective import Victim, victim_of
from nnpg.attacks.targets import Targets, choose_targets
from nnpg.files.checkpoints import open_checkpoint, saving
from nnpg.files.identities import array_identity, identity, loss_identity
from nnpg.losses import LossMaker
from nnpg.network import Network
from nnpg.support.arguments import as_choice, as_count, as_flag, as_generator, as_number, as_path
from nnpg.support.progress import Advance, progress_bar
from nnpg_kernels import Array, one_blas_thread

IN_FLIGHT = 96  # images at most, or three blocks of the network where that is more; still more is no faster on a CPU
TOGETHER = 96  # images that are polished at once,
ENTER_EVERY = 5.0  # seconds, at most, that an image waits for that
SAVE_EVERY = 30.0  # seconds


def minimal_distortion(
    net: Network,
    x: npt.ArrayLike,
    targets: Targets,
    *,
    labels: npt.ArrayLike | None = None,
    rng: int | np.random.Generator | None = None,
    norm: NormName = "squared_l2",
    loss: str | LossMaker = "softmax_cross_entropy",
    polish: bool = True,
    tolerance: float = 0.01,
    box: tuple[float, float] = (0.0, 1.0),
    history: int = 4,
    evaluations: int = 1000,
    memory_mb: float = 256.0,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    progress: bool | None = None,
) -> Distorted:
    """Change each image as little as can be found so that the network takes it for its target.

    Minimises c |r| + loss(x + r, target) over x + r in the box (Szegedy et al. 2013, 4.1), and finds for each image the
    largest c whose minimiser is still classified as the target. (The paper writes the minimum c; but a larger c gives a
    smaller r, until the image falls back to its own class.) What it finds is a local minimum, as any such method does:
    of the branch of minimisers that is met when c comes down from a guess that is made for each image.

    Parameters
    ----------
    net : Network
    x : array (N, *net.input_shape)
        Inside the box.
    targets : a class, an array of N classes, "random", "least_likely", "nearest" or "all"
        See `choose_targets`. "all" is the untargeted attack: the least over all other classes.
    labels : array (N,), optional
        Own classes, which "random" and "all" avoid; what the network takes the images for unless given.
    rng : int or numpy.random.Generator, optional
        Needed for "random". It also seeds the search from many sides, which has the seed 0 unless it is given.
    norm : "squared_l2", "l2" or "l1"
        What |r| is. "l2" and "squared_l2" have the same minimisers, at another c; both are solved as the second.
    loss : str or function of the network
        As in `nnpg.train`.
    polish : bool
        Look for the nearest point of the boundary, where the loss no longer plays a part (not for "l1"). Without it the
        result is the paper's, and larger: by 1% for a sigmoid network, by up to 20% for a softmax layer with a strong
        decay. It goes on from the minimiser. But for a network with kinks (ReLU, Step, MaxPool) it is a search of its
        own, from many sides (see `nnpg.attacks.least_distortion.boundary`), which makes up to 2,300 passes for each
        image and target, or for each image where the targets are "all"; only images for which it finds nothing go the
        paper's way.
    tolerance : float
        Of the size, relative: for the bracket of c, and for the minimiser that ends the search.
    box : (low, high)
        Of the pixels.
    history : int
        Curvature pairs an image keeps.
    evaluations : int
        Passes forward and back on one image with one target, at most, before it is polished; a search from many sides
        makes as many as it needs.
    memory_mb : float
        For the images in flight, in millions of bytes: it bounds how many there are, at most 96 on a CPU. An image of
        m pixels takes about m (20 history + 55) numbers, twice as many for "l1". The results come on top, and what
        the network takes for a block of 48 images, or of 8 where it has convolutions.
    checkpoint : path, optional
        File that holds what is done; written every 30 seconds and when the work ends or is interrupted. Network and
        loss must be nnpg's own, since a file could not tell another's from one that has changed.
    resume : bool
        Go on from the checkpoint if it is there: one of the same network, backend, images, targets and settings.
    progress : bool, optional
        Draw a bar; unless given, only on a terminal.

    Returns
    -------
    Distorted
        `success` says for which images a change was found. The result for an image does not depend on the others.

    Raises
    ------
    ValueError
        If images, targets or settings do not fit, the checkpoint is of another attack, or no file can name the network
        or the loss.
    FileExistsError
        If the checkpoint exists and `resume` is not set.
    ModelFileError
        If the checkpoint is damaged, or not one of an attack.
    OSError
        If the checkpoint cannot be written, which is tried before the work. Where it fails later, what is done is
        written to another place, which the message names.

    Examples
    --------
    Two classes, by the larger pixel; half the difference is what it takes.

    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(2), nnpg.Softmax()], input_shape=(2,), rng=0)
    >>> net = net.replace("dense1", W=np.eye(2, dtype="float32"))
    >>> found = minimal_distortion(net, [[0.9, 0.5], [0.2, 0.6]], [1, 0])
    >>> found.success, found.x.round(3)
    (array([ True,  True]), array([[0.7, 0.7], [0.4, 0.4]], dtype=float32))
    """
    x = _checked(net, x, box, tolerance, norm, history, evaluations)
    polish, resume = as_flag(polish, "polish"), as_flag(resume, "resume")
    memory_mb = as_number(memory_mb, "memory_mb", above=0)
    checkpoint = None if checkpoint is None else as_path(checkpoint, "checkpoint")
    drawn = None if rng is None else as_generator(rng)
    wanted = choose_targets(net, x, targets, labels=labels, rng=drawn)  # (N, T)
    victim = victim_of(net, loss)
    untargeted = isinstance(targets, str) and targets == "all"
    settings = Settings(NORMS[norm](victim.xp), box, tolerance, history, evaluations)
    flat = x.reshape(len(x), -1)
    tally, together = Tally.start(flat, wanted), polish and norm != "l1"
    from_sides = together and has_kinks(net)
    seed = int(drawn.integers(2**32)) if from_sides and drawn is not None else 0
    capacity = _capacity(victim, memory_mb, flat, norm, history)

    def this_run() -> dict[str, Any]:
        return {
            "network": identity(net, "the network"),
            "images": array_identity(flat),
            "targets": array_identity(wanted),
            "loss": loss_identity(loss),
            "norm": norm,
            "polish": together,
            "search": [untargeted, seed] if from_sides else None,
            "settings": identity([tolerance, box, history, evaluations], "the settings"),
        }

    store, saved = open_checkpoint(checkpoint, "attack", this_run, resume=resume, size=tally.nbytes)
    if saved is not None:
        tally.load(saved)
    # an overflow far from the box is found and its step rejected, so NumPy need not warn of it
    quiet = np.errstate(over="ignore", invalid="ignore", divide="ignore")
    bar = progress_bar("attack", len(x), show=progress, done=tally.images_done)
    with saving(store, tally.contents, SAVE_EVERY) as save, quiet, one_blas_thread(), bar as advance:
        if from_sides:
            search_from_sides(victim, settings, tally, capacity, untargeted, seed, advance, save)
        _attack(victim, settings, tally, capacity, together, advance, save)
    return replace(tally.result(net.input_shape), computed=victim.computed)


def _attack(
    victim: Victim,
    settings: Settings,
    tally: Tally,
    capacity: int,
    polish: bool,
    advance: Advance,
    save: Callable[[], None],
) -> None:
    """Do what is pending, as many at a time as there are seats, and in each lane as many as fill its places."""
    k, T, pending = victim.net.backend, tally.targets.shape[1], tally.pending
    targets = tally.targets.ravel()
    lanes = victim.lanes(tally.x0[pending // T], targets[pending])
    queues = [deque(pending[lanes == lane].tolist()) for lane in range(len(victim.spots))]
    aboard = np.zeros(len(queues), np.int64)
    seats = [max(1, len(spots) * capacity // victim.block) for spots in victim.spots]
    flight, waiting = Flight(victim, settings), list[Landed]()

    def free(lane: int) -> int:
        return seats[lane] - int(aboard[lane])

    entered = time.monotonic()
    try:
        while any(queues) or aboard.any():
            some = [(queue.popleft(), n) for n, queue in enumerate(queues) for _ in range(min(free(n), len(queue)))]
            if some:
                index, lane = np.array(some).T
                aboard += np.bincount(lane, minlength=len(queues))
                flight.board(*map(k.asarray, (index, tally.x0[index // T], targets[index], lane)))
            landed = flight.advance()
            if landed is not None:
                aboard -= np.bincount(k.to_numpy(landed.points.lane), minlength=len(queues))
                waiting.append(landed)
            now = time.monotonic()
            full = sum(len(one.outcome) for one in waiting) >= min(max(TOGETHER, 2 * victim.block), capacity)
            if waiting and (full or now - entered > ENTER_EVERY or not aboard.any()):
                advance(_enter(victim, settings, tally, join(victim.xp, waiting), polish))
                waiting, entered = [], now
            save()
    except KeyboardInterrupt:  # what has landed is not lost
        if waiting:
            _enter(victim, settings, tally, join(victim.xp, waiting), polish)
        raise


def _enter(victim: Victim, settings: Settings, tally: Tally, landed: Landed, polish: bool) -> int:
    """Polish what has landed and enter it in the tally; return how many images are done by it."""
    xp, to_numpy, points = victim.xp, victim.net.backend.to_numpy, landed.points
    n = xp.flatnonzero((landed.outcome == int(Outcome.FOUND)) | (landed.outcome == int(Outcome.UNSETTLED)))
    if polish and len(n):
        some = take(points, n)
        points.x[n], passes = to_the_boundary(victim, some, settings.box)
        landed.size[n] = settings.norm.length(points.x[n] - points.x0[n])
        landed.evaluations[n] += passes
    rows = (points.index, landed.outcome, points.x, landed.size, landed.c, landed.evaluations)
    return sum(tally.record(*row) for row in zip(*map(to_numpy, rows), strict=True))


def _capacity(victim: Victim, memory_mb: float, x: Array, norm: str, history: int) -> int:
    """How many images may be in flight: at least one in each lane."""
    numbers = x.shape[1] * (20 * history + 55) * (2 if norm == "l1" else 1)
    each, least = numbers * x.itemsize / 1e6, len(victim.spots)
    if not memory_mb >= each * least:
        raise ValueError(
            f"memory_mb={memory_mb:g} is too little: {least} images of {x.shape[1]} pixels with history={history} take "
            f"{each * least:.3g} MB; allow more, or a shorter history"
        )
    return min(max(IN_FLIGHT, 3 * victim.block), int(memory_mb / each))


def _checked(
    net: Network, x: Any, box: tuple[float, float], tolerance: float, norm: str, history: int, evaluations: int
) -> Array:
    """Return the images in the network's own type, or say what is wrong."""
    x = images_in_box(net, x, box)
    as_choice(norm, "norm", NORMS)
    as_number(tolerance, "tolerance", above=0, below=1)
    as_count(history, "history")
    as_count(evaluations, "evaluations")
    return x
