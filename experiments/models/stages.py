"""Net A at three stages of its training, for LD-11: at the paper's error, after its iterations, and converged."""

from __future__ import annotations

import numpy as np

from experiments.experiment import Context
from experiments.models.cifar import RATE_A, Config, Images, epoch_steps, nets_a, seeds, trained
from nnpg import SGD, Training
from nnpg.recipes.models import cifar_net

PAPER_VALIDATION = 0.3277
LOWER = SGD(lr=RATE_A.lr / 10, momentum=RATE_A.momentum)
AT_ERROR, FULL, CONVERGED = "at the paper's error", "after the paper's iterations", "converged"


def nets_by_stage(config: Config, context: Context, images: Images) -> dict[str, list[Training]]:
    """Return nets A of the same seeds at each stage.

    The first is stopped after the epoch whose validation error is nearest to the paper's. The last goes on at a tenth
    of the rate for half as many iterations: there the loss falls no further.
    """
    full = nets_a(config, context, images)
    numbered = list(zip(seeds(config, context), full, strict=True))
    return {
        AT_ERROR: [_stopped(done, seed, context, images) for seed, done in numbered],
        FULL: full,
        CONVERGED: [
            trained("net A, lower rate", done.net, LOWER, seed, config.iterations // 2, context, images)
            for seed, done in numbered
        ],
    }


def _stopped(done: Training, seed: int, context: Context, images: Images) -> Training:
    errors = np.array([epoch.validation_error for epoch in done.history], float)
    epochs = int(abs(errors - PAPER_VALIDATION).argmin()) + 1
    net = cifar_net(images.train.x[images.fit], images.train.K, rng=seed, backend=context.backend)
    return trained("net A, pool 3/2", net, RATE_A, seed, epochs * epoch_steps(images), context, images)
