"""Attacks on a network: images are changed so that it takes them for another class.

Start with `masks` (dy/dx added to an image), `steps` (several gradient steps), and `least_distortion.definition` (the
least change that is enough). `sweep` tries many step sizes, `class_mask` learns one mask for all images, `metrics`
measures what an attack reached, and `objective` is what all of them evaluate.
"""

from nnpg.attacks.amplification import amplify
from nnpg.attacks.class_mask import ClassMask, learn_class_mask
from nnpg.attacks.least_distortion.attack import minimal_distortion
from nnpg.attacks.least_distortion.results import Distorted, Outcome
from nnpg.attacks.masks import (
    Masker,
    apply_masks,
    borrowed,
    gradient_masks,
    linear,
    noise_like,
    scaled,
    shared,
    to_unit,
)
from nnpg.attacks.metrics import confidence, distortion, error, target_success
from nnpg.attacks.neighbours import nearest_images
from nnpg.attacks.steps import Stepped, fast_gradient_sign, projected_gradient
from nnpg.attacks.sweep import mask_sweep
from nnpg.attacks.sweep_result import MaskOutcome, Sweep
from nnpg.attacks.sweep_summary import best_steps, best_successes, success_at, targets_differ
from nnpg.attacks.targets import choose_targets

__all__ = [
    # Targets: the class that each image is to be taken for
    "choose_targets",
    # Masks: what is added to an image, and from which image or network it comes
    "gradient_masks",
    "apply_masks",
    "Masker",
    "linear",
    "borrowed",
    "shared",
    "noise_like",
    "scaled",
    "to_unit",
    "nearest_images",
    # One mask for all images
    "learn_class_mask",
    "ClassMask",
    # Masks at many step sizes
    "mask_sweep",
    "Sweep",
    "MaskOutcome",
    "best_steps",
    "best_successes",
    "success_at",
    "targets_differ",
    # Gradient steps within a distance
    "projected_gradient",
    "fast_gradient_sign",
    "Stepped",
    # The least change that is enough, and the same change made larger
    "minimal_distortion",
    "Distorted",
    "Outcome",
    "amplify",
    # What an attack reached
    "target_success",
    "error",
    "distortion",
    "confidence",
]
