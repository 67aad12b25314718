"""What a sweep reaches when each target has the step size that is best for it (Lo & Ding 2015, IX)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nnpg.analysis.statistics import Interval, wilson
from nnpg.attacks.sweep_result import Sweep
from nnpg.support.arguments import as_instance, as_whole


def best_steps(sweep: Sweep) -> npt.NDArray[np.int64]:
    """Return the number of the step size with most success, for each target of the sweep in ascending order (T',).

    Examples
    --------
    >>> import nnpg
    >>> from nnpg.attacks import linear, mask_sweep
    >>> net = nnpg.build([nnpg.dense(2), nnpg.Softmax()], input_shape=(2,), rng=0)
    >>> net = net.replace("dense1", W=np.eye(2, dtype="float32"))
    >>> sweep = mask_sweep(net, [[0.75, 0.5]], [0], 1, [0, 0.1, 0.2, 0.3], masks=linear(net, of="logit"))
    >>> best_steps(sweep)
    array([3])
    """
    sweep = as_instance(sweep, Sweep, "sweep")
    return np.array([sweep.best(int(target)) for target in np.unique(sweep.targets)], np.int64)


def best_successes(sweep: Sweep) -> npt.NDArray[np.float64]:
    """Return the success at each target's best step size (T',).

    See `best_steps` for an example of a sweep.
    """
    sweep = as_instance(sweep, Sweep, "sweep")
    return np.array([sweep.success_curve(int(target)).max() for target in np.unique(sweep.targets)])


def targets_differ(sweep: Sweep) -> bool:
    """Return whether some targets are easier than others, at the step size that is best for all together.

    They are if the 95% interval of the hardest target's success lies below that of the easiest.

    See `best_steps` for an example of a sweep.
    """
    sweep = as_instance(sweep, Sweep, "sweep")
    e, targets = sweep.best(), np.unique(sweep.targets)
    shares = [sweep.target_success(e, int(target)) for target in targets]
    successes = [share.value for share in shares]
    hardest, easiest = shares[int(np.argmin(successes))], shares[int(np.argmax(successes))]
    return hardest.high < easiest.low


def success_at(sweep: Sweep, steps: npt.ArrayLike) -> Interval:
    """Return the share of all images and targets that succeed when each target has its own step size.

    Parameters
    ----------
    sweep : Sweep
    steps : array (T',), int
        Numbers of step sizes, for the targets of the sweep in ascending order; those of `best_steps`, for example.

    Examples
    --------
    >>> import nnpg
    >>> from nnpg.attacks import linear, mask_sweep
    >>> net = nnpg.build([nnpg.dense(2), nnpg.Softmax()], input_shape=(2,), rng=0)
    >>> net = net.replace("dense1", W=np.eye(2, dtype="float32"))
    >>> sweep = mask_sweep(net, [[0.75, 0.5]], [0], 1, [0, 0.1, 0.2, 0.3], masks=linear(net, of="logit"))
    >>> success_at(sweep, [2]).value, success_at(sweep, best_steps(sweep)).value
    (0.0, 1.0)
    """
    targets = np.unique(as_instance(sweep, Sweep, "sweep").targets)
    numbers = as_whole(
        steps, "steps", f"an array ({len(targets)},) of step sizes", ndim=1, least=0, most=len(sweep.etas) - 1
    )
    if len(numbers) != len(targets):
        raise ValueError(f"steps must be {len(targets)}, one for each target, not {len(numbers)}")
    reached = [(sweep.success[e] & sweep.of_target(int(k))).sum() for e, k in zip(numbers, targets, strict=True)]
    return wilson(int(sum(reached)), sweep.targets.size)
