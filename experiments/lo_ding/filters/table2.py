"""The drawing of Table II: the profiles of three images of each of three identities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from experiments.models.face_data import IDENTITIES
from nnpg import FilterScores
from nnpg.data import Dataset
from nnpg.data.examples import one_of_each
from nnpg.plots import network_diagram


def draw_table_2(data: Dataset, scores: FilterScores, conditions: Sequence[str], path: Path) -> None:
    """Draw the scores of each image under its picture: a row for each condition, a column for each identity."""
    columns = [identity - 1 for identity in IDENTITIES[:3]]
    chosen = np.concatenate([one_of_each(data, condition)[columns] for condition in conditions])
    names = tuple(f"ID {c + 1}, {condition}" for condition in conditions for c in columns)
    drawn = replace(scores, scores={name: s[chosen] for name, s in scores.scores.items()}, rows=names)
    network_diagram(drawn, path, images=data.x[chosen], columns=3)
