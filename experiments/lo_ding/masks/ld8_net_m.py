"""LD-8: train net M, one hidden layer of 500 tanh units, on the images of net A (Lo & Ding 2015, X.B).

python -m experiments run LD-8        (half a minute on 2 cores)
"""

from __future__ import annotations

import math

from experiments.experiment import Context, Experiment, Result, Text
from experiments.lo_ding.masks.ld7_net_a import error_rows, history_table, validation_errors, verdict
from experiments.models.cifar import BATCH, SCALES, Config, load_images, net_m
from nnpg.plots import Lines, line_panels

PAPER = {"validation": 0.5517, "test": 0.5422}


def run(config: Config, context: Context) -> Result:
    images = load_images(config, context)
    trained = net_m(config, context, images)
    rows, steps = error_rows("net M", trained, images, PAPER), math.ceil(len(images.fit) / BATCH)
    errors = {"training": [e.error for e in trained.history], "validation": validation_errors(trained)}
    at = [e.epoch * steps for e in trained.history]
    panel = Lines("net M", at, errors, "iterations", "error", (PAPER["validation"], "the paper's"))
    line_panels([panel], context.folder / "training.png", columns=1, top=None)
    words = verdict(rows, "net M", steps * len(at))
    return Result(
        tuple(rows), words, ("training.png",), (Text("Epoch by epoch", history_table({"M": trained}, steps)),)
    )


EXPERIMENT = Experiment("LD-8", "Train the multilayer perceptron M", "Lo & Ding 2015, X.B", SCALES, run)
