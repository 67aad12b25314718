"""The public names of the library by theme: which modules a page of the reference has."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Theme:
    """One page of the reference.

    Attributes
    ----------
    page : str
        The name of its file.
    title, text : str
    modules : tuple of str
        Whose public names it has, but for those that are defined in the modules of another theme.
    """

    page: str
    title: str
    text: str
    modules: tuple[str, ...]


THEMES = (
    Theme(
        "networks",
        "Networks and layers",
        "A network is a mapping from names to layers. A layer is three pure methods, each beside its equation.",
        ("nnpg.network", "nnpg.layers", "nnpg.recipes", "nnpg.interventions"),
    ),
    Theme(
        "gradients",
        "Traces and prediction gradients",
        "What a forward pass returns, and how a prediction depends on each output in it.",
        ("nnpg.trace", "nnpg.prediction", "nnpg.class_gradients"),
    ),
    Theme(
        "gradient_check",
        "Gradient checks",
        "Deltas and gradients against the forward pass.",
        ("nnpg.gradient_check",),
    ),
    Theme(
        "scores",
        "Scores and knock-out",
        "Orders of filters, and what switching filters off costs.",
        ("nnpg.scores", "nnpg.knockout", "nnpg.rankings", "nnpg.rankings.pruning"),
    ),
    Theme(
        "attacks",
        "Attacks and masks",
        "Changes of images that change predictions: one step, many steps, the least distortion, masks.",
        ("nnpg.attacks",),
    ),
    Theme(
        "maps",
        "Maps and projections",
        "Where in an image the evidence is, and what a filter looks for.",
        (
            "nnpg.maps",
            "nnpg.maps.localisation",
            "nnpg.maps.deletion",
            "nnpg.maps.receptive_fields",
            "nnpg.maps.projection",
            "nnpg.maps.excitation",
            "nnpg.maps.maximisation",
            "nnpg.maps.unit_images",
        ),
    ),
    Theme(
        "training",
        "Training, losses and optimisers",
        "One loop, its losses, and the optimisers that it may use.",
        ("nnpg.training", "nnpg.divergence", "nnpg.losses", "nnpg.optimisers"),
    ),
    Theme(
        "training_methods",
        "Other ways to train",
        "L-BFGS, sparsity, an adversarial pool, selective dropout and hard negatives.",
        ("nnpg.training_methods",),
    ),
    Theme("data", "Data", "Data sets, their readers, and splits.", ("nnpg.data",)),
    Theme("files", "Files", "Model files, and files that appear whole or not at all.", ("nnpg.files",)),
    Theme(
        "explanation",
        "Explanations, explorer, exercises, tutorials and lecture",
        "The arithmetic of one number, a page that computes a network in the browser, and functions to write oneself.",
        ("nnpg.explanation", "nnpg.explorer", "nnpg.exercises", "nnpg.tutorials", "nnpg.lecture"),
    ),
    Theme(
        "analysis",
        "Analysis",
        "Statistics, verdicts, and what is measured on trained networks.",
        ("nnpg.analysis",),
    ),
    Theme("plots", "Plots and pages", "Figures, and pages of HTML.", ("nnpg.plots", "nnpg.report")),
    Theme("jobs", "Jobs", "Long work in several processes or on a cluster.", ("nnpg.jobs",)),
    Theme(
        "backends",
        "Backends and compiled programs",
        "What computes: NumPy, Numba or a GPU; which tasks are compiled, and why others are not.",
        ("nnpg_kernels", "nnpg.programs", "nnpg.programs.reports"),
    ),
)

# Modules with an `__all__` that are for the library's own use, and so on no page of the reference.
INTERNAL = ("nnpg.cli", "nnpg.plots.arithmetic", "nnpg.report.demo", "nnpg.support", "nnpg_kernels.numba")
# Rooms without an `__all__` of their own, of which every module is public.
OPEN_ROOMS = ("nnpg.analysis", "nnpg.training_methods")
# Public functions of `nnpg.programs` that other rooms use; users have these.
CHOSEN = {
    "nnpg.programs": ("require_compiled", "NotCompiled"),
    "nnpg.programs.reports": ("compilation_report", "CompilationReport"),
}
# What is neither a function nor a class has no docstring: what it is, in words.
VALUES = {
    "nnpg.layers.LAYERS": "Every class of layer that nnpg has, by its name.",
    "nnpg.attacks.Masker": "The type of a function that makes masks (n, T, *shape). It takes images (n, *shape), their "
    "targets (n, T), and which rows of the whole set they are (n,).",
    "nnpg.exercises.EXERCISES": "Every exercise by its name, in the order in which they are meant to be done.",
    "nnpg.plots.Cell": "The type of one part of a figure: values by name, and what is written above.",
    "nnpg_kernels.BACKENDS": "The module of each backend, by the name that `load` takes.",
    "nnpg_kernels.Array": "The type of an array of the backend: of NumPy, or of CuPy.",
}
