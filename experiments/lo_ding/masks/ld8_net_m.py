"""LD-8: train net M, one hidden layer of 500 tanh units, on the images of net A (Lo & Ding 2015, X.B).

python -m experiments run LD-8        (a minute on 2 cores; --scale paper: 5 minutes)
"""

from __future__ import annotations

import numpy as np

from experiments.experiment import Context, Experiment, Result, Text
from experiments.lo_ding.masks.ld7_net_a import error_rows, history_table, validation_errors, verdict
from experiments.models.cifar import SCALES, Config, epoch_steps, load_images, nets_m
from nnpg.plots import Lines, line_panels

PAPER = {"validation": 0.5517, "test": 0.5422}


def run(config: Config, context: Context) -> Result:
    images = load_images(config, context)
    nets = nets_m(config, context, images)
    rows, steps = error_rows("net M", nets, images, PAPER, len(PAPER)), epoch_steps(images)
    errors = {
        "training": np.mean([[e.error for e in trained.history] for trained in nets], axis=0),
        "validation": np.mean([validation_errors(trained) for trained in nets], axis=0),
    }
    at = [e.epoch * steps for e in nets[0].history]
    panel = Lines("net M, mean of the nets", at, errors, "iterations", "error", (PAPER["validation"], "the paper's"))
    line_panels([panel], context.folder / "training.png", columns=1, top=None)
    table = Text("Epoch by epoch, the first net", history_table({"M": nets[0]}, steps))
    return Result(tuple(rows), verdict(rows, "net M", at[-1]), ("training.png",), (table,))


EXPERIMENT = Experiment("LD-8", "Train the multilayer perceptron M", "Lo & Ding 2015, X.B", SCALES, run, version=2)
