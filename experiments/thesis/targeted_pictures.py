"""For TH-6: success over the size of the change, and faces under growing changes (Lo 2016, Fig. 4.5 to 4.7)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from experiments.models.faces import FaceNet
from experiments.models.masks import in_colour
from nnpg.attacks import Sweep, apply_masks, linear, to_unit
from nnpg.plots import Lines, image_grid, line_panels

LEVELS = (0.0, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.12, 0.16, 0.24, 0.32)  # root mean square, pixels of 0 .. 1
SHOWN = (0, 2, 4, 6, 8, 10)  # of these, in the picture


def draw_curves(sweeps: list[Sweep], names: tuple[str, ...], folder: Path) -> None:
    """Draw how often each target is reached, and each image is classified as another, over the size of the change."""
    xlabel = "root mean square of the change"
    kinds = {"classified as the target": Sweep.success_curve, "classified as another": Sweep.error_curve}
    panels = [
        Lines(kind, LEVELS, {name: np.mean([curve(s, k) for s in sweeps], axis=0) for k, name in enumerate(names)},
              xlabel, "share of images, mean of the nets")
        for kind, curve in kinds.items()
    ]  # fmt: skip
    line_panels(panels, folder / "success.png")


def draw_faces(face: FaceNet, sweep: Sweep, chosen: np.ndarray, path: Path) -> None:
    """Draw faces under growing steps: confidence t in the person, y in the target (Fig. 4.5)."""
    reached = np.flatnonzero((sweep.success.any(axis=0) & ~sweep.success[0]).any(axis=1))
    rows = (reached if len(reached) else np.arange(len(chosen)))[:: max(1, len(reached) // 3)][:3]
    data, pictures, titles, labels = face.data.subset(chosen), [], [], []
    for n in rows:
        j = int(sweep.success[:, n].any(axis=0).argmax())
        target, label = int(sweep.targets[n, j]), int(sweep.labels[n])
        x = data.x[n : n + 1]
        W = to_unit(linear(face.net))(x, np.array([[target]]), np.array([n]))[:, 0]
        pictures += [in_colour(W), *(apply_masks(x, W, LEVELS[e], (0.0, 1.0)) for e in SHOWN)]
        titles += ["mask, amplified"]
        confidences = [(sweep.label_confidence[e, n, j], sweep.target_confidence[e, n, j]) for e in SHOWN]
        titles += [f"change={LEVELS[e]:.2f} t={t:.0%} y={y:.0%}" for e, (t, y) in zip(SHOWN, confidences, strict=True)]
        labels.append(f"ID {label + 1} as {target + 1}")
    image_grid(np.concatenate(pictures), path, titles=titles, columns=1 + len(SHOWN), row_labels=labels)
