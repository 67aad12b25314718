"""What an experiment is, and what it returns."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from nnpg.analysis.statistics import Interval
from nnpg.analysis.verdicts import Claim, Verdict, of_fact
from nnpg.jobs import run_jobs

INDEPENDENT = ("nets", "splits", "seeds")  # what an interval must be over for a verdict: units that are trained anew
OF_ONE_NET = (
    "images", "training images", "test images", "pairs", "units", "filters", "identities", "classes", "targets",
    "groups", "rows", "masks", "steps of eta",
)  # fmt: skip
OVER = (  # every word for what n counts
    *INDEPENDENT,
    *(f"{part} of one net" for part in OF_ONE_NET),
    "pairs of nets", "images x targets of the nets", "pairs x units", "images", "identities",
    "filters", "random filters", "faces, one filter", "activations", "points", "permutations of the labels",
)  # fmt: skip


class Row(NamedTuple):
    """One figure of the paper beside ours."""

    name: str
    paper: float | None
    ours: float
    low: float  # of the interval, which `interval` names; NaN where there is none
    high: float
    n: int
    over: str  # what n counts, and so what the interval is over
    unit: str = "fraction"
    interval: str = ""
    claim: str = ""  # the paper's words
    verdict: Verdict | None = None  # None where there is no claim


def row(
    name: str,
    paper: float | None,
    ours: float | Interval,
    n: int,
    over: str,
    *,
    unit: str = "fraction",
    interval: str = "",
    claim: Claim | None = None,
    fact: bool | None = None,
    verdict: Verdict | None = None,
) -> Row:
    """Make a row from a value or a value with its interval, and judge it.

    Parameters
    ----------
    name : str
    paper : float or None
        The published number.
    ours : float or Interval
    n : int
        Number of units that the interval is over.
    over : str
        What they are, a word of OVER: "nets", "splits" or "seeds" where each was trained anew, else such as "images of
        one net".
    unit, interval : str
        Of the number; how the interval was computed.
    claim : Claim, optional
        Judged by the interval. It stays open where the interval is not over units that were trained anew. With `fact`
        or `verdict` it is only quoted.
    fact : bool, optional
        Whether a claim holds in which there is no chance, such as an identity.
    verdict : "held", "contradicted" or "open", optional
        Of a claim that several intervals decide (`nnpg.analysis.verdicts.all_of`).

    Examples
    --------
    >>> from nnpg.analysis.statistics import mean_interval
    >>> from nnpg.analysis.verdicts import at_most
    >>> errors, claim = mean_interval([0.12, 0.10, 0.14]), at_most(0.25, "still below 25%")
    >>> row("error", 0.25, errors, 3, "nets", claim=claim).verdict
    'held'
    >>> row("error", 0.25, errors, 3, "images of one net", claim=claim).verdict
    'open'
    """
    value, low, high = ours if isinstance(ours, Interval) else (ours, math.nan, math.nan)
    quoted = ""
    if claim is not None:
        judged = claim.verdict(Interval(value, low, high)) if over in INDEPENDENT else "open"
        quoted, verdict = claim.quoted, verdict or judged
    if fact is not None:
        verdict = of_fact(fact)
    return Row(name, paper, float(value), float(low), float(high), n, over, unit, interval, quoted, verdict)


def row_named(rows: Iterable[Row], name: str) -> Row:
    """Return the row of that name.

    Raises
    ------
    KeyError
        If no row has that name, or several have.

    Examples
    --------
    >>> rows = [row("error", None, 0.25, 4, "nets"), row("seconds", None, 1.5, 1, "nets", unit="s")]
    >>> row_named(rows, "seconds").ours
    1.5
    """
    rows = list(rows)
    found = [row for row in rows if row.name == name]
    if len(found) != 1:
        raise KeyError(f"{len(found)} rows are named {name!r}; there are {', '.join(row.name for row in rows)}")
    return found[0]


class Text(NamedTuple):
    """A table or listing that does not fit into rows, printed as it is."""

    title: str
    body: str


@dataclass(frozen=True)
class Result:
    """The result of a run: rows, a verdict in words, figures (paths in the run's folder), and other tables.

    `shows` names for each figure the data set of which it shows images, or what an image can be seen in, such as a
    feature map; None if it shows none. Where a run reads data that may not be passed on (`NOT_PASSED_ON` in
    `experiments/data_sets.py`), it must name every figure: a record keeps none of those that show such data.
    """

    rows: tuple[Row, ...]
    verdict: str
    figures: tuple[str, ...] = ()
    texts: tuple[Text, ...] = ()
    shows: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Context:
    """Where a run reads and writes, and what it shares with other runs."""

    folder: Path  # of this run: figures go here
    models: Path  # trained networks, shared between runs
    data_dir: str | None
    seed: int | None  # None: the seed of the experiment's config
    backend: str
    progress: bool | None = None
    workers: int | None = None  # processes for jobs; None: as many as cores
    dask: str | None = None  # address of the scheduler of a Dask cluster, which does the jobs instead

    def seed_or(self, default: int) -> int:
        """Return the seed that was asked for, or the default where none was."""
        return default if self.seed is None else self.seed

    def run_jobs(
        self, work: Callable[..., Any], jobs: Mapping[str, Any], label: str, *, long: bool = True, **kept: Any
    ) -> dict[str, Any]:
        """Do jobs where the command line asks for it (see `nnpg.jobs.run_jobs`).

        Jobs that are not `long`, of about a second, are done in this process, since starting others takes longer.
        """
        workers, dask = (self.workers, self.dask) if long else (1, None)
        return run_jobs(work, jobs, label, **kept, workers=workers, dask=dask, progress=self.progress)


@dataclass(frozen=True)
class Experiment:
    """An experiment: its id, the paper's table or figure, a config for each scale, and a pure seeded run."""

    id: str
    title: str
    source: str
    scales: dict[str, Any]  # "smoke", "quick", "paper" -> a frozen config
    run: Callable[[Any, Context], Result]
    notes: str = ""
    version: int = 1  # raised when its meaning changes: the same config then gives another answer
