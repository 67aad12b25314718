"""The demo's page: what `nnpg.report.demo.measure` found, drawn, and explained step by step to a newcomer.

The words are in `templates/demo.html.j2`; here are the pictures, the tables and the numbers between the words.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nnpg.plots import image_grid, training_history
from nnpg.report import Image, Table, write_template
from nnpg.report.demo.evidence import block_shapes, damage, knockout, people, places, portraits, ranking
from nnpg.report.demo.findings import BATCH, LR, SHOWN, Findings
from nnpg.scores import Filter

GOAL = 0.05  # test error
EQUATIONS = """\
Eq. 1   prediction gradient    dy/do = (dy_1/do, ..., dy_15/do)        one slope for each person
Eq. 2   how training meets it  dL/dw = dL/dy · dy/do · do/dw           seed · delta · gradient
Eq. 3   class gradient         1/|X_t| Σ dy/do = 1/|X_t| d/do Σ y      over the images in X_t

trace  = net.forward(x)                      # every output by name
deltas = net.backward(trace, seed)           # deltas['pool1'] is dy/do for the outputs of block 1
scores = nnpg.filter_scores(net, x, labels)  # one number per filter and person"""
COMMANDS = """\
nnpg rank {model} --class face07 --of logit
nnpg knockout {model} --class face07 --to mean
nnpg info {model}
nnpg train --data MY_FOLDER --save mine.safetensors
nnpg gradcheck face_net"""


def write(found: Findings, out: Path, command: str) -> Path:
    """Draw everything into the folder `out` and write `index.html` there; `command` is what made it."""
    data = found.data
    image_grid(portraits(data), out / "faces.png", titles=people(data), columns=5, overlay=data.masks)
    return write_template(
        out / "index.html",
        "demo.html.j2",
        title="Which parts of a network does its answer depend on?",
        command=command,
        picture=lambda name, alt, caption="": Image(out / name, alt, caption),
        K=data.K,
        images=len(data),
        images_per_person=len(data) // data.K,
        verdict=verdict(found),
        held=held(found),
        training=_training(found, out),
        filters=_filters(found, out),
        equations=EQUATIONS,
        nudge=_nudge(found),
        ranking=ranking(found, out),
        knockout=knockout(found, out),
        damage=damage(found, out),
        places=places(found, out),
        claims=Table(
            ("claim", "this run", "holds"), [(c.claim, c.found, "yes" if c.holds else "no") for c in found.claims]
        ),
        commands=COMMANDS.format(model=(out / "faces.safetensors").as_posix()),
    )


def verdict(found: Findings) -> str:
    """Say how well the network does on faces that it was not trained on."""
    n = len(found.split.test_indices)
    wrong = round(found.test_error * n)
    mistakes = f"{wrong} mistake{'s' * (wrong != 1)}"
    side = "under" if found.test_error < GOAL else "NOT under"
    return f"On the {n} test images the network makes {mistakes}: {found.test_error:.1%}, {side} {GOAL:.0%}."


def held(found: Findings) -> str:
    """Say how many claims hold."""
    return f"Of {len(found.claims)} claims put to the test, {sum(c.holds for c in found.claims)} hold in this run."


def _training(found: Findings, out: Path) -> dict[str, Any]:
    training_history(found.training.history, out / "training.png")
    net = found.training.net
    blocks = [
        (f"block {n}: conv{n}, tanh{n}, pool{n}", f"{F} filters", "x".join(map(str, (H, W))))
        for n, (F, H, W) in enumerate(block_shapes(net), start=1)
    ]
    return {
        "parameters": f"{net.n_parameters:,}",
        "images": len(found.split.train_indices),
        "test_images": len(found.split.test_indices),
        "batch": BATCH,
        "lr": f"{LR:g}",
        "epochs": len(found.training.history),
        "train_error": f"{found.train_error:.1%}",
        "blocks": Table(("part", "size", "output, pixels"), blocks),
    }


def _filters(found: Findings, out: Path) -> dict[str, Any]:
    data, net = found.data, found.training.net
    c = SHOWN[0]
    face = portraits(data)[c]
    maps = net.backend.to_numpy(net.forward(face[None])["tanh1"])[0]  # (F, H, W)
    F, H, W = maps.shape
    top, left = (face.shape[1] - H) // 2, (face.shape[2] - W) // 2
    cut = face[:, top : top + H, left : left + W]  # the face at the size of its maps
    titles = [data.class_names[c], *(str(Filter("tanh1", f)) for f in range(F))]
    image_grid(np.concatenate([cut[None], (maps[:, None] + 1) / 2]), out / "maps.png", titles=titles, columns=F + 1)
    count = sum(scores.shape[1] for scores in found.scores.scores.values())
    return {"person": data.class_names[c], "of_first_block": F, "count": count}


def _nudge(found: Findings) -> dict[str, Any]:
    data, nudge = found.data, found.nudge
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
