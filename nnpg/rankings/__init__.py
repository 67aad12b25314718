"""Other ways to rank filters, beside which the prediction gradient (`filter_scores`) can be judged.

| ranking                 | needs                     | passes over N images, M filters          |
|-------------------------|---------------------------|------------------------------------------|
| `random_scores`         | nothing                   | 0                                        |
| `layer_scores`          | nothing                   | 0                                        |
| `weight_norm_scores`    | the weights               | 0                                        |
| `activation_scores`     | images                    | 1 forward                                |
| `filter_scores`         | images, labels            | 1 forward, 1 backward                    |
| `taylor_scores`         | images, labels            | 1 forward, 1 backward                    |
| `conductance_scores`    | images, labels, baseline  | (steps + 1) of 1 forward, 1 backward     |
| `ablation_scores`       | images, labels            | 1 + M forward (from the filter on)       |
| `shapley_scores`        | images, labels            | 2 pairs M forward (from the filter on)   |

All return `FilterScores` with one row per class, so that `strongest`, `weakest` and `knock_out_curve` take any of them.
`shuffle_in_layers` turns any of them into the control that knows only the layers.

gradients, passive, removal, controls  the rankings above
summary, pruning                       one ranking for all classes; the filters cut out of the network
knock_out_curves                       numbers from knock-out curves
"""

from nnpg.rankings.controls import layer_scores, random_scores, shuffle_in_layers
from nnpg.rankings.gradients import conductance_scores, taylor_scores
from nnpg.rankings.knock_out_curves import knock_out_area
from nnpg.rankings.passive import activation_scores, weight_norm_scores
from nnpg.rankings.removal import ablation_scores, shapley_scores
from nnpg.rankings.summary import overall_scores, shared_strongest, weakest_leaving

__all__ = [
    "ablation_scores",
    "activation_scores",
    "conductance_scores",
    "knock_out_area",
    "layer_scores",
    "overall_scores",
    "random_scores",
    "shapley_scores",
    "shared_strongest",
    "shuffle_in_layers",
    "taylor_scores",
    "weakest_leaving",
    "weight_norm_scores",
]
