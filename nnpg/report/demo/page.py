"""The demo's page: the results of `nnpg.report.demo.measure`, drawn and explained step by step to a newcomer.

The text is in `templates/demo.html.j2`. This module makes its pictures, tables and numbers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import numpy.typing as npt

from nnpg.data import Dataset
from nnpg.plots import image_grid, training_history
from nnpg.report import Image, Table, write_template
from nnpg.report.demo.evidence import block_shapes, damage, knockout, passes, people, places, portraits, ranking
from nnpg.report.demo.findings import BATCH, LR, SEED, SHOWN, Findings
from nnpg.scores import Filter

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


def prepare() -> None:
    """Load what draws, which takes as long as a picture."""
    import matplotlib.backends.backend_agg
    import matplotlib.figure  # noqa: F401


def draw_people(data: Dataset, out: Path) -> None:
    """Draw the picture that the page needs of the data alone: a face of each person, and where its feature lies."""
    image_grid(portraits(data), out / "faces.png", titles=people(data), columns=5, overlay=data.masks)


def write(
    findings: Findings, out: Path, command: str, model: str, explorer: str, images: npt.NDArray[np.int64]
) -> Path:
    """Draw all pictures but that of `draw_people` into the folder `out` and write `index.html` there.

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
        training=_training(findings, out),
        filters=_filters(findings, out),
        code_of_passes=CODE,
        passes=passes(findings, out),
        nudge=_nudge(findings),
        ranking=ranking(findings, out),
        knockout=knockout(findings, out),
        damage=damage(findings, out),
        places=places(findings, out),
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


def _training(findings: Findings, out: Path) -> dict[str, Any]:
    training_history(findings.training.history, out / "training.png")
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


def _filters(findings: Findings, out: Path) -> dict[str, Any]:
    data, net = findings.data, findings.training.net
    c = SHOWN[0]
    face = portraits(data)[c]
    maps = net.to("numpy").forward(face[None], stop="tanh1")["tanh1"][0]  # (F, H, W); one image compiles no kernels
    F, H, W = maps.shape
    top, left = (face.shape[1] - H) // 2, (face.shape[2] - W) // 2
    cut = face[:, top : top + H, left : left + W]  # the face at the size of its maps
    titles = [data.class_names[c], *(str(Filter("tanh1", f)) for f in range(F))]
    image_grid(np.concatenate([cut[None], (maps[:, None] + 1) / 2]), out / "maps.png", titles=titles, columns=F + 1)
    count = sum(scores.shape[1] for scores in findings.scores.scores.values())
    return {"person": data.class_names[c], "of_first_block": F, "count": count}


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
