"""Every experiment, in the order of `python -m experiments list`: one line per module, one block per paper."""

from __future__ import annotations

from importlib import import_module

from experiments.experiment import Experiment

_MODULES = """
lo_ding.filters.ld0_training
lo_ding.filters.ld1_feature_maps
lo_ding.filters.ld2_profiles
lo_ding.filters.ld3_strongest_filters
lo_ding.filters.ld4_knockout
lo_ding.filters.ld4r_rankings
lo_ding.filters.ld4v_score_variants
lo_ding.filters.ld5_confusions
lo_ding.filters.ld6_three_strong_filters
lo_ding.masks.ld7_net_a
lo_ding.masks.ld8_net_m
lo_ding.masks.ld9_class_masks
lo_ding.masks.ld10_gradient_moments
lo_ding.masks.ld11_step_sizes
lo_ding.masks.ld12_examples
lo_ding.masks.ld13_nearest_masks
lo_ding.masks.ld14_masks_on_net_m

thesis.th1_activations_and_xor
thesis.th2_saliency
thesis.th3_projections
thesis.th321_loss_gradient
thesis.th4_characteristic_feature
thesis.th5_likeness
thesis.th6_targeted_faces
thesis.loc1_planted_features
thesis.thp_pruning

szegedy.sz1_units_of_digits
szegedy.sz2_units_of_photographs
szegedy.sz3_photographs
szegedy.sz4_cars
szegedy.sz5_adversarial_pool
szegedy.distortions.szt1_least_distortion
szegedy.distortions.szt2_transfer
szegedy.distortions.szt3_two_halves
szegedy.distortions.szt4_transfer_between_halves
szegedy.szt5_lipschitz_bounds
szegedy.distortions.szf7_noise

hinthorn.hi0_base_network
hinthorn.hi1_adversarial_digits
hinthorn.hi2_feature_maps
hinthorn.hi3_concentration
hinthorn.hi4_projections
hinthorn.hi5_instability
hinthorn.hi6_perturbation_groups
hinthorn.hi7_steps_to_optimum
hinthorn.hi8_memory
hinthorn.hi9_growing_share
hinthorn.hi10_rounds
hinthorn.hit1_hit2_hit3_selective_dropout
"""


def _experiments_of(name: str) -> list[Experiment]:
    """Import a module and return the experiments that it defines."""
    return [value for value in vars(import_module(f"experiments.{name}")).values() if isinstance(value, Experiment)]


EXPERIMENTS: dict[str, Experiment] = {
    experiment.id: experiment for name in _MODULES.split() for experiment in _experiments_of(name)
}
