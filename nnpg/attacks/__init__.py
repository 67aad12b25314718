"""Attacks on a network: images changed as little as can be found so that it takes them for another class."""

from nnpg.attacks.amplification import amplified
from nnpg.attacks.class_mask import ClassMask, learn_class_mask
from nnpg.attacks.least_distortion.attack import minimal_distortion
from nnpg.attacks.least_distortion.results import Distorted, Outcome
from nnpg.attacks.masks import Masker, borrowed, gradient_masks, linear, noise_like, scaled, shared, to_unit
from nnpg.attacks.metrics import confidence, distortion, error, target_success
from nnpg.attacks.neighbours import nearest_images
from nnpg.attacks.steps import Stepped, fast_gradient_sign, projected_gradient
from nnpg.attacks.sweep import MaskOutcome, Sweep, apply_masks, mask_sweep
from nnpg.attacks.sweep_summary import best_steps, best_successes, success_at, targets_differ
from nnpg.attacks.targets import choose_targets

__all__ = [
    "ClassMask",
    "Distorted",
    "MaskOutcome",
    "Masker",
    "Outcome",
    "Stepped",
    "Sweep",
    "amplified",
    "apply_masks",
    "best_steps",
    "best_successes",
    "borrowed",
    "choose_targets",
    "confidence",
    "distortion",
    "error",
    "fast_gradient_sign",
    "gradient_masks",
    "learn_class_mask",
    "linear",
    "mask_sweep",
    "minimal_distortion",
    "nearest_images",
    "noise_like",
    "projected_gradient",
    "scaled",
    "shared",
    "success_at",
    "target_success",
    "targets_differ",
    "to_unit",
]
