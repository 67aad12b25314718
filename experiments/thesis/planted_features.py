"""The questions and the methods of LOC-1: where is the feature that was planted on a built-in face?"""

from __future__ import annotations

from functools import partial

from experiments.models.faces import FaceNet
from experiments.thesis.covering import in_conditions
from nnpg import Network, benchmark_localisation
from nnpg.data import Dataset
from nnpg.data.drawn_faces.identities import PER_BASE
from nnpg.maps import contribution_map, departure_map, edge_map, occlusion_map, saliency_map, strongest_map
from nnpg.maps.localisation import MapMethod
from nnpg.maps.results import Localisation
from nnpg_kernels import Array

GRADIENT, DEPARTURE, SALIENCY, OCCLUSION = "prediction gradient", "gradient x departure", "saliency", "occlusion"
ALONE, UNTRAINED = "departure alone", ", untrained"
TASKS = {"true": "evidence for the true class", "other": "evidence for its sibling's class"}


def ask(face: FaceNet, task: str, conditions: tuple[str, ...], *, window: int, stride: int) -> Localisation:
    """Score every method on the images in these conditions, and on an untrained net where the weights matter."""
    data, (masks, features) = face.data, truth(face.data)
    chosen = in_conditions(data, conditions)
    x, t = data.x[chosen], data.labels[chosen]
    sibling = t - t % PER_BASE + (t + 1) % PER_BASE
    classes, regions = (t, masks[t]) if task == "true" else (sibling, masks[t] | masks[sibling])
    every = methods(task, data.x, window=window, stride=stride)
    untrained = face.untrained()
    every |= {f"{name}{UNTRAINED}": _on(untrained, every[name]) for name in (GRADIENT, DEPARTURE, SALIENCY)}
    groups = [features[c] for c in t]
    return benchmark_localisation(
        face.net, x, classes, regions, methods=every, groups=groups, rng=face.seed, progress=False
    )


def methods(task: str, x: Array, *, window: int, stride: int) -> dict[str, MapMethod]:
    """Maps of the evidence for the true class, or of what changes another class's output in either direction."""
    covered = partial(occlusion_map, window=window, stride=stride, progress=False)
    signed: dict[str, MapMethod] = {
        DEPARTURE: partial(contribution_map, reference=x),
        "pixel gradient x departure": partial(contribution_map, layer="input", reference=x),
        OCCLUSION: partial(covered, fill=x.mean(axis=0)),  # the square shows its average over all images
        "occlusion, grey": covered,
    }
    if task == "other":
        signed = {name: _in_either_direction(method) for name, method in signed.items()}
    alone: dict[str, MapMethod] = {ALONE: partial(departure_map, reference=x), "edges": edge_map}
    return {GRADIENT: strongest_map, **signed, SALIENCY: saliency_map, **alone}


def truth(data: Dataset) -> tuple[Array, tuple[str, ...]]:
    """Where each person's planted feature is, (K, H, W), and what it is."""
    if data.masks is None or data.features is None:
        raise ValueError(f"{data.name} has no masks of planted features: use the built-in faces")
    return data.masks, data.features


def _in_either_direction(method: MapMethod) -> MapMethod:
    return lambda net, x, classes: abs(method(net, x, classes))


def _on(other: Network, method: MapMethod) -> MapMethod:
    return lambda net, x, classes: method(other, x, classes)
