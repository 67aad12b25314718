"""HI-T2: selective dropout against the control, pairs grouped by source (Hinthorn 2017, Table 2).

python -m experiments run HI-T2 --backend numba        (two minutes on two cores, with HI-1's pairs)

To expect: as HI-T1, with ten pairs held out instead of about eighty. The paper's cells are k/10 of one run: nothing
follows from them, +-30 points.
"""

from experiments.hard_tables import experiment

EXPERIMENT = experiment(
    2,
    "source",
    {0.001: (0.1, 0.3, 0.6, 0.4, 0.4, 0.4, 0.4), 0.003: (0.7, 0.7, 0.7, 0.6, 0.8, 0.8, 0.5)},
)
