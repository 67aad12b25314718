"""HI-T3: selective dropout against the control, pairs grouped by target (Hinthorn 2017, Table 3).

python -m experiments run HI-T3 --backend numba        (two minutes on two cores, with HI-1's pairs)

To expect: as HI-T2. The paper's table holds k/82, where ten groups allow k/10 only, and equals its Table 1 in 13 of 16
cells: very probably a second run of that one.
"""

from experiments.hard_tables import experiment

EXPERIMENT = experiment(
    3,
    "target",
    {
        0.001: (0.4634, 0.5854, 0.4634, 0.4756, 0.4512, 0.4268, 0.4634),
        0.003: (0.5854, 0.5610, 0.4512, 0.5000, 0.5976, 0.5976, 0.5488),
    },
    "the paper's table is very probably a second run of its Table 1",
)
