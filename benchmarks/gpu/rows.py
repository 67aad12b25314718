"""What is compared on a GPU: the workloads, and the ratios that the project asks for, in the order of running."""

from __future__ import annotations

from dataclasses import dataclass, replace

from benchmarks.workloads import WORKLOADS, Workload, named

ATTACK = "attack"
WORKLOAD = {workload.name: workload for workload in WORKLOADS}
# At a rate as high as that of the CPU's row, units of W3 pass kinks by rounding within the steps that are compared.
W3 = replace(WORKLOAD["W3"], lr=1e-3)


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Parameters
    ----------
    name : str
    workload : Workload
    must, goal : float or None
        The time of the best competitor over ours: what must be reached, and the goal; None where there is none.
    share : float
        Of the minutes, against the other rows.
    host : bool
        Whether the result comes down to the host, as all results of the public functions but arrays of a pass do.
    by_layers : bool
        A training layer by layer, as one for which there is no program: beside the CPU alone, without a competitor.
    """

    name: str
    workload: Workload
    must: float | None
    goal: float | None
    share: float = 1.0
    host: bool = False
    by_layers: bool = False

    def at_most(self, images: int) -> Row:
        """Return the same row with fewer images, and one sweep."""
        return replace(self, workload=self.workload.at_most(images, identities=1))


ROWS: tuple[Row, ...] = (
    Row("W1-b1", WORKLOAD["W1-b1"], 1.5, 5),
    Row("W1-b32", WORKLOAD["W1-b32"], 1.5, 4),
    Row("W1-b124", WORKLOAD["W1-b124"], 1.5, 3),
    Row("W4", WORKLOAD["W4"], 1.5, 3),
    Row("W5-W1", WORKLOAD["W5-W1"], 2, 4),
    Row("W5-W3", WORKLOAD["W5-W3"], 1.3, 2),
    Row("W5-W1-host", WORKLOAD["W5-W1"], 2, 4, 0.7, host=True),
    Row("W5-W3-host", WORKLOAD["W5-W3"], 1.3, 2, 0.7, host=True),
    Row("W6", WORKLOAD["W6"], 1.5, 3, host=True),
    Row("W2", WORKLOAD["W2"], 1.0, 2),
    Row("W3", W3, 1.0, 1.5),
    Row("W1-b32-layers", WORKLOAD["W1-b32"], None, None, 0.3, by_layers=True),
    Row("W4-layers", WORKLOAD["W4"], None, None, 0.3, by_layers=True),
)
ATTACK_BARS = (20.0, 50.0)  # times faster than SciPy


def choose_rows(only: str | None) -> tuple[tuple[Row, ...], bool]:
    """Return the named rows, and whether the attack is among them; all if none is named.

    Raises
    ------
    ValueError
        For a name that no row has.

    Examples
    --------
    >>> rows, attack = choose_rows("W1,W5-W3")
    >>> [row.name for row in rows], attack
    (['W1-b1', 'W1-b32', 'W1-b124', 'W5-W3', 'W5-W3-host', 'W1-b32-layers'], False)
    """
    if only is None:
        return ROWS, True
    names = [name.strip().lower() for name in only.split(",")]
    for name in names:
        if name != ATTACK and not any(named(row.name, name) for row in ROWS):
            known = ", ".join([*(row.name for row in ROWS), ATTACK])
            raise ValueError(f"no row {name!r}: choose of {known}, or the start of a name before its dash")
    return tuple(row for row in ROWS if any(named(row.name, name) for name in names)), ATTACK in names
