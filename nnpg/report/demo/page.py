"""The demo's page: the results of `nnpg.report.demo`, explained step by step to a newcomer.

The text is in `templates/demo.html.j2`. This module makes its tables and numbers, `pictures` its pictures.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import numpy.typing as npt

from nnpg.report import Image, Table, write_template
from nnpg.report.demo.evidence import block_shapes, damage, knockout, passes, places, ranking
from nnpg.report.demo.findings import BATCH, LR, SEED, SHOWN, Findings

GOAL = 0.05  # test error
CODE = """\
trace  = net.forward(x)                      # every output by name
deltas = net.backward(trace, seed)           # deltas["pool1"] is dy/do of block 1
scores = nnpg.filter_scores(net, x, labels)  # a number per filter and person"""
COMMANDS = """\
nnpg explain {model}
nnpg rank {model} --class face07 --of logit
nnpg knockout {model} --class face07 --to mean
nnpg info {model}
nnpg train --data MY_FOLDER --save mine.safetensors
nnpg gradcheck face_net
nnpg exercise list"""


def write(
    findings: Findings, out: Path, command: str, model: str, explorer: str, images: npt.NDArray[np.int64]
) -> Path:
    """Write `index.html` into the folder `out`, which holds what `nnpg.report.demo.pictures` draws.

    `command` is the command that made it, `model` and `explorer` are the names of the network's file and of the
    explorer's page in the same folder, and `images` are those that the explorer shows.
    """
    data = findings.data
    return write_template(
        out / "index.html",
        "demo.html.j2",
        title="Which parts of a network does its answer depend on?",
        command=command,
        picture=lambda name, alt, caption="": Image(out / name, alt, caption),
        K=data.K,
        images=len(data),
        images_per_person=len(data) // data.K,
        verdict=verdict(findings),
        held=held(findings),
        training=_training(findings),
        filters=_filters(findings),
        code_of_passes=CODE,
        passes=passes(findings),
        nudge=_nudge(findings),
        ranking=ranking(findings),
        knockout=knockout(findings),
        damage=damage(findings),
        places=places(findings),
        claims=Table(
            ("claim", "this run", "holds"), [(c.claim, c.found, "yes" if c.holds else "no") for c in findings.claims]
        ),
        explorer=explorer,
        knocked_out=_knocked_out(findings, images),
        model=model,
        commands=COMMANDS.format(model=model),
    )


def verdict(findings: Findings) -> str:
    """Return a sentence: how many test images the network gets wrong."""
    n = len(findings.split.test_indices)
    wrong = round(findings.test_error * n)
    mistakes = f"{wrong} mistake{'s' * (wrong != 1)}"
    side = "under" if findings.test_error < GOAL else "NOT under"
    return f"On the {n} test images the network makes {mistakes}: {findings.test_error:.1%}, {side} {GOAL:.0%}."


def held(findings: Findings) -> str:
    """Return a sentence: how many claims hold."""
    return (
        f"Of {len(findings.claims)} claims put to the test, {sum(c.holds for c in findings.claims)} hold in this run."
    )


def _knocked_out(findings: Findings, images: npt.NDArray[np.int64]) -> str:
    """Return the state of the explorer in which a person is without the five strongest filters."""
    c = SHOWN[0]
    filters = ";".join(f"{layer}:{f}" for layer, f, _ in findings.scores.strongest(c, 5))
    image = findings.data.labels[images].tolist().index(c)
    return urlencode({"image": image, "class": c, "off": filters})


def _training(findings: Findings) -> dict[str, Any]:
    net = findings.training.net
    blocks = [
        (f"block {n}: conv{n}, tanh{n}, pool{n}", f"{F} filters", "x".join(map(str, (H, W))))
        for n, (F, H, W) in enumerate(block_shapes(net), start=1)
    ]
    return {
        "parameters": f"{net.n_parameters:,}",
        "images": len(findings.split.train_indices),
        "test_images": len(findings.split.test_indices),
        "batch": BATCH,
        "lr": f"{LR:g}",
        "epochs": len(findings.training.history),
        "chosen_seed": SEED,
        "train_error": f"{findings.train_error:.1%}",
        "blocks": Table(("part", "size", "output, pixels"), blocks),
    }


def _filters(findings: Findings) -> dict[str, Any]:
    count = sum(scores.shape[1] for scores in findings.scores.scores.values())
    of_first_block, *_ = block_shapes(findings.training.net)[0]
    return {"person": findings.data.class_names[SHOWN[0]], "of_first_block": of_first_block, "count": count}


def _nudge(findings: Findings) -> dict[str, Any]:
    data, nudge = findings.data, findings.nudge
    person = data.class_names[data.labels[nudge.image]]
    changes = [
        ("predicted by the gradient", f"{nudge.predicted:+.6f}"),
        ("what the network then says", f"{nudge.happened:+.6f}"),
    ]
    return {
        "person": person,
        "condition": (data.conditions or ("",) * len(data))[nudge.image],
        "y": f"{nudge.y:.4f}",
        "filter": str(nudge.filter),
        "table": Table(
            ("", f"change of the probability of {person}"),
            changes,
            "The two differ a little because a slope is exact only for the smallest of changes.",
        ),
    }
