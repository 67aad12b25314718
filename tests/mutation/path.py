"""The straight path: which functions are changed, and which checks must turn red."""

from __future__ import annotations

from mutation.checks_of_explanations import explanations
from mutation.checks_of_passes import losses, optimisers, passes, seeds
from mutation.checks_of_readings import blocks, knockouts, means_by_class, predictions, scores
from mutation.forks import Target

LOSS_FUNCTIONS = (
    "one_hot", "softmax_cross_entropy", "binary_cross_entropy", "squared_error", "cross_entropy", "cross_entropy_seed",
    "cross_entropy_of_probabilities", "cross_entropy_of_probabilities_seed", "binary", "binary_seed",
    "binary_of_probabilities", "binary_of_probabilities_seed", "squares", "squares_seed", "_inside",
    "_before_squashing",
)  # fmt: skip  # fmt: skip
TARGETS = [
    Target("nnpg.seeds", ("class_seed", "_one_hot_seed"), seeds),
    Target("nnpg.losses", LOSS_FUNCTIONS, losses),
    Target(
        "nnpg.optimisers",
        ("PlainDecay.value", "PlainDecay.gradient", "DecayPerUnit._rate", "DecayPerUnit.value", "DecayPerUnit.gradient",
         "SGD.step", "penalty", "penalty_of", "parameters_on_host", "penalised", "_combine"),
        optimisers,
    ),
    Target(
        "nnpg.network",
        ("Network.forward", "Network.forward_unchecked", "Network.backward", "Network.gradients", "Network.as_input",
         "Network._intervene", "Network._changes", "Network._index"),
        passes,
    ),
    Target(
        "nnpg.prediction",
        ("predict", "placed_predictions", "by_layers", "PredictionGradient.for_class", "prediction_gradient",
         "all_gradients", "filter_layers", "as_layers", "gradients_in_batches"),
        predictions,
    ),
    Target("nnpg.seeds", ("image_axis", "differentiated"), predictions),
    Target("nnpg.class_gradients", ("class_gradient", "class_means", "_sum_by_class", "_rows_of"), means_by_class),
    Target("nnpg.layers.blocks", ("block_of", "block_outputs", "first_with_weights"), blocks),
    Target("nnpg.trace", ("Trace.before", "Trace.__or__"), passes),
    Target(
        "nnpg.scores",
        ("FilterScores.strongest", "FilterScores.weakest", "FilterScores.matrix", "FilterScores.row_index",
         "FilterScores._ranked", "convolutional_gradient", "saliency", "filter_scores"),
        scores,
    ),
    Target(
        "nnpg.knockout.curves",
        ("knock_out", "knock_out_curve", "knock_out_curves", "outputs_by_layers", "_sweep", "_cumulative",
         "_known_filters", "_interventions"),
        knockouts,
    ),
    Target(
        "nnpg.knockout.result",
        ("Knockout.overall_error", "Knockout.class_error", "Knockout.modes", "Knockout.confusion"),
        knockouts,
    ),
    Target(
        "nnpg.explanation.arithmetic",
        ("before", "layer_run", "weight_run", "readers", "inputs_read", "is_affine", "slopes_of_unit",
         "slopes_of_units", "weight_slopes", "one_hot_seeds", "distance"),
        explanations,
    ),
    Target(
        "nnpg.explanation.explaining",
        ("explain", "prepared", "formula_of", "_of_unit", "_of_weight", "_joined", "_at",
         "_with_numbers", "_has_cases"),
        explanations,
    ),
    Target("nnpg.explanation.quantities", ("quantity", "as_one_class"), explanations),
    Target("nnpg.explanation.nudging", ("nudge_unit", "nudge_weight", "_nudge", "_jump"), explanations),
    Target(
        "nnpg.explanation.terms",
        ("Terms.products", "Terms.total", "Terms.order", "Terms.rows", "Terms.rest"),
        explanations,
    ),
    Target(
        "nnpg.explanation.results",
        ("Nudge.error", "Explanation._forward", "Explanation._backward", "_more"),
        explanations,
    ),
    Target("nnpg.explanation.addresses", ("as_unit", "as_weight", "address", "_as_index"), explanations),
    Target("nnpg.explanation.passes", ("explain_passes", "_norm"), explanations),
]  # fmt: skip
