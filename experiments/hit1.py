"""HI-T1: selective dropout against the control, pairs grouped by source and target (Hinthorn 2017, Table 1).

python -m experiments run HI-T1 --backend numba        (two minutes on two cores, with HI-1's pairs)

To expect: on adversarial images of the same attack that nobody trained on, control and selective dropout are within a
few points of each other, and the smallest share of feature maps is worse. A share larger than that of the units which
change at all is nearly the control: the rest has no gradient. The paper's cells are k/82 of one run: intervals of +-11
points.
"""

from experiments.hard_tables import experiment

EXPERIMENT = experiment(
    1,
    "both",
    {
        0.001: (0.4634, 0.5854, 0.4634, 0.4756, 0.4390, 0.4634, 0.4878),
        0.003: (0.5854, 0.5610, 0.4512, 0.5000, 0.5976, 0.5976, 0.5488),
    },
)
