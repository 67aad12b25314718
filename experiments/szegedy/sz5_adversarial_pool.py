"""SZ-5: training with a pool of adversarial examples, against decay and dropout (Szegedy et al. 2013, 4.2).

python -m experiments run SZ-5        (about 5 minutes on 2 cores; --scale paper: about 50)

The paper: 1.6% with decay, 1.3% with dropout, below 1.2% with the pool, and examples for the higher layers more useful
than those for the input. It gives no settings, so each method has a grid of the same size here (at the paper scale 8),
chosen on images held out; then new networks are trained on all images, and the test images are used once.
"""

from __future__ import annotations

import numpy as np

import nnpg
from experiments.experiment import Context, Experiment, Result, Text, row_named
from experiments.models.mnist.digits import as_rows, digits
from experiments.models.mnist.pools import (
    METHODS,
    POOL,
    PoolTraining,
    choice_table,
    final_nets,
    images_of,
    try_settings,
)
from experiments.szegedy.pool_errors import DECAY_GAIN, DROPOUT_GAIN, LAYERS_GAIN, error_rows
from nnpg.analysis.verdicts import share_interval
from nnpg.plots import Measured, interval_plot


def run(config: PoolTraining, context: Context) -> Result:
    train, test = digits(config.dataset, context.data_dir)
    tried = try_settings(config, train, context)
    nets = final_nets(tried, config, train, context)
    seen = images_of("all", config, train)
    errors, trained = (
        {m: np.array([nnpg.error_rate(net, as_rows(data), data.labels) for net in nets[m]]) for m in METHODS}
        for data in (test, seen)
    )
    every = config.dataset == "mnist" and len(seen) == len(train)
    made = error_rows(errors, trained, config.seeds, every=every)
    means = {m: share_interval(e) for m, e in errors.items()}
    interval_plot([Measured("MNIST test error", means, "test error")], context.folder / "errors.png", highlight=POOL)
    decay, dropout, pool, of_input, of_hidden = (f"{100 * means[m].value:.2f}%" for m in METHODS)
    beats_decay, beats_dropout, higher, below = (
        row_named(made, name).verdict for name in (DECAY_GAIN, DROPOUT_GAIN, LAYERS_GAIN, f"{POOL}: test error")
    )
    left = [float(of_method.mean()) for of_method in trained.values()]
    verdict = (
        f"That the pool has fewer errors than decay: {beats_decay}; than dropout: {beats_dropout}; fewer than 1.2%: "
        f"{below}. That examples for the hidden layers are more useful than those for the input: {higher}. The test "
        f"error over {config.seeds} seeds is {pool} with the pool, {decay} with decay and {dropout} with dropout (the "
        f"paper, which uses all images: < 1.2, 1.6, 1.3%); {of_hidden} with a pool of the hidden layers, {of_input} of "
        f"the input. The settings of each method are the best of {len(tried[POOL])} on {config.held_out} images held "
        f"out of {len(seen)} (networks of each setting: {config.tries}, of other seeds). Epochs of all networks: "
        f"{config.epochs}; errors of {min(left):.1%} to {max(left):.1%} are left on the training images, so longer "
        "training may change the differences."
    )
    lines = [f"{m:26} " + "  ".join(f"{100 * e:.2f}%" for e in of_method) for m, of_method in errors.items()]
    texts = {"Test error, seed by seed": "\n".join(lines), "Error on the images held out": choice_table(tried)}
    return Result(tuple(made), verdict, ("errors.png",), tuple(Text(*text) for text in texts.items()))


EXPERIMENT = Experiment(
    "SZ-5",
    "Training with a pool of adversarial examples",
    "Szegedy et al. 2013, section 4.2",
    {
        "smoke": PoolTraining(
            "faces",
            held_out=8,
            epochs=1,
            seeds=2,
            batch=12,
            decays=(1.0, 8.0),
            pixels=(0.1,),
            targets=("nearest",),
            shares=(3,),
            pools=(4, 8),
            new=4,
        ),
        "quick": PoolTraining(),
        "paper": PoolTraining(
            images=0,
            held_out=10000,
            epochs=20,
            seeds=10,
            decays=(0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0),
            units=(0.05, 0.1, 0.2, 0.3),
            shares=(1, 10),
            pools=(500, 2000),
            new=500,
        ),
    },
    run,
    notes="a pool of 500 is new every half epoch, one of 2,000 every two epochs: 500 examples are made at a time",
)
