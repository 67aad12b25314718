"""The pictures of the demo's page: each function draws those that can be drawn when so much is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nnpg.data import Dataset
from nnpg.plots import (
    damage_trace,
    error_curves,
    heat,
    image_grid,
    knockout_panels,
    network_diagram,
    pass_diagram,
    training_history,
)
from nnpg.report.demo.evidence import both_passes, first_steps, people, portraits
from nnpg.report.demo.findings import SHOWN, Findings, Learnt
from nnpg.scores import Filter


def prepare() -> None:
    """Load what draws, which takes as long as a picture."""
    import matplotlib.backends.backend_agg
    import matplotlib.figure  # noqa: F401


def draw_people(data: Dataset, out: Path) -> None:
    """Draw a face of each person, and where its feature lies."""
    image_grid(portraits(data), out / "faces.png", titles=people(data), columns=5, overlay=data.masks)


def draw_network(learnt: Learnt, out: Path) -> None:
    """Draw how the network has learnt, the maps of a face, both passes of an image, and the score of each filter."""
    training_history(learnt.training.history, out / "training.png")
    _draw_maps(learnt, out / "maps.png")
    o, d = both_passes(learnt)
    pass_diagram(o, d, out / "passes.png", quantity="y")
    network_diagram(learnt.scores, out / "network.png", images=portraits(learnt.data), columns=2)


def draw_damage(findings: Findings, out: Path) -> None:
    """Draw the errors while filters are knocked out, whom the network then sees, and the gradient at the pixels."""
    names, data = findings.data.class_names, findings.data
    error_curves(knockout_panels(findings.curves, names, findings.random_orders), out / "knockout.png")
    damage_trace(first_steps(findings), out / "damage.png", class_names=names, highlight=SHOWN[0])
    coloured = heat(portraits(data), findings.saliency)
    image_grid(coloured, out / "places.png", titles=people(data), columns=5, overlay=data.masks)


def _draw_maps(learnt: Learnt, path: Path) -> None:
    """Draw a face and its maps after the first activation."""
    data, c = learnt.data, SHOWN[0]
    face = portraits(data)[c]
    net = learnt.training.net.to("numpy")  # one image compiles no kernels
    maps = net.forward(face[None], stop="tanh1")["tanh1"][0]  # (F, H, W)
    F, H, W = maps.shape
    top, left = (face.shape[1] - H) // 2, (face.shape[2] - W) // 2
    cut = face[:, top : top + H, left : left + W]  # the face at the size of its maps
    titles = [data.class_names[c], *(str(Filter("tanh1", f)) for f in range(F))]
    image_grid(np.concatenate([cut[None], (maps[:, None] + 1) / 2]), path, titles=titles, columns=F + 1)
