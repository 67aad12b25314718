"""One rule for verdicts: what an interval over independent networks says of a claim."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias, TypeVar, get_args

import numpy as np
import numpy.typing as npt

from nnpg.analysis.statistics import Interval, mean_interval, paired_p
from nnpg.support.arguments import as_choice, as_flag, as_instance, as_number, as_numbers, as_text, described
from nnpg_kernels import Array

Key = TypeVar("Key", bound=Hashable)
Verdict: TypeAlias = Literal["held", "contradicted", "open"]


@dataclass(frozen=True)
class Claim:
    """A claim about a number: that it lies between `low` and `high`.

    `at_least`, `more_than`, `at_most`, `less_than` and `equal_to` make one.

    Parameters
    ----------
    low, high : float
        Ends of what the claim allows; infinite where it sets none.
    quoted : str
        The paper's words that set them.

    Raises
    ------
    ValueError
        If low is not below high: an interval never lies inside a single number. State a margin.

    Examples
    --------
    >>> claim = at_most(0.25, "error rates still below 25%")
    >>> claim.verdict(Interval(0.12, 0.10, 0.15)), claim.verdict(Interval(0.3, 0.26, 0.34))
    ('held', 'contradicted')
    >>> claim.verdict(Interval(0.2, 0.1, 0.3))
    'open'
    """

    low: float = -math.inf
    high: float = math.inf
    quoted: str = ""

    def __post_init__(self) -> None:
        as_text(self.quoted, "quoted")
        if not self.low < self.high:
            raise ValueError(
                f"a claim's low must be below its high, not {self.low} and {self.high}: for a single number state the "
                "margin within which it counts as equal"
            )

    def verdict(self, interval: Interval) -> Verdict:
        """Return what an interval says of the claim.

        It held if the whole interval lies inside what the claim allows, is contradicted if the whole interval lies
        outside, and is open otherwise: also where the ends are NaN, because a single network has no interval.
        """
        value, low, high = as_instance(interval, Interval, "interval")
        if math.isnan(value) or math.isnan(low) or math.isnan(high):
            return "open"
        if self.low <= low and high <= self.high:
            return "held"
        return "contradicted" if high < self.low or self.high < low else "open"


def at_least(low: float, quoted: str = "") -> Claim:
    """Claim that a number is at least `low`.

    Examples
    --------
    >>> at_least(0).verdict(Interval(0.31, 0.14, 0.48))
    'held'
    """
    return Claim(low=as_number(low, "low"), quoted=quoted)


def more_than(low: float, quoted: str = "") -> Claim:
    """Claim that a number is more than `low`: an interval that ends there does not bear it out.

    Examples
    --------
    >>> more_than(0).verdict(Interval(0.0, 0.0, 0.0)), more_than(0).verdict(Interval(0.31, 0.14, 0.48))
    ('contradicted', 'held')
    """
    return Claim(low=math.nextafter(as_number(low, "low"), math.inf), quoted=quoted)


def less_than(high: float, quoted: str = "") -> Claim:
    """Claim that a number is less than `high`.

    Examples
    --------
    >>> less_than(0).verdict(Interval(-0.31, -0.48, 0.0))
    'open'
    """
    return Claim(high=math.nextafter(as_number(high, "high"), -math.inf), quoted=quoted)


def at_most(high: float, quoted: str = "") -> Claim:
    """Claim that a number is at most `high`.

    Examples
    --------
    >>> at_most(0).verdict(Interval(0.31, -0.14, 0.48))
    'open'
    """
    return Claim(high=as_number(high, "high"), quoted=quoted)


def equal_to(value: float, margin: float, quoted: str = "") -> Claim:
    """Claim that a number is `value`; the margin, stated beforehand, says how near is equal.

    Examples
    --------
    >>> equal_to(0, margin=0.1).verdict(Interval(0.01, -0.05, 0.07))
    'held'
    """
    value, margin = as_number(value, "value"), as_number(margin, "margin", above=0)
    return Claim(value - margin, value + margin, quoted)


def all_of(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the verdict on a claim that all these parts must bear out.

    Examples
    --------
    >>> all_of(["held", "open"]), all_of(["held", "open", "contradicted"]), all_of(["held", "held"])
    ('open', 'contradicted', 'held')
    """
    parts = _as_verdicts(verdicts)
    return "contradicted" if "contradicted" in parts else "open" if "open" in parts else "held"


def any_of(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the verdict on a claim that one of these parts suffices to bear out.

    Examples
    --------
    >>> any_of(["held", "open"]), any_of(["contradicted", "open"]), any_of(["contradicted", "contradicted"])
    ('held', 'open', 'contradicted')
    """
    parts = _as_verdicts(verdicts)
    return "held" if "held" in parts else "open" if "open" in parts else "contradicted"


def _as_verdicts(verdicts: Iterable[Verdict]) -> list[str]:
    parts = [as_choice(part, "a verdict", get_args(Verdict)) for part in verdicts]
    if not parts:
        raise ValueError("verdicts must be at least one, not none")
    return parts


def of_fact(holds: bool) -> Verdict:
    """Return the verdict on what has no chance in it: an identity, a bound that is proved, a count of all cases.

    Examples
    --------
    >>> of_fact(abs(0.1 + 0.2 - 0.3) < 1e-12)
    'held'
    """
    return "held" if as_flag(bool(holds), "holds") else "contradicted"


def share_interval(shares: npt.ArrayLike, *, confidence: float = 0.95, step: float = 0.0) -> Interval:
    """Return the mean of independent shares, such as errors of nets, and its interval (Student's t), cut to 0 .. 1.

    The mean lies in 0 .. 1, so what is cut off cannot hold it: the interval covers it as often as that of
    `mean_interval`. Intervals of transformed shares stay inside too, but are of the mean of the transformed shares.
    For `difference_interval` take the whole interval, whose width it needs.

    Parameters
    ----------
    shares : array (n,) in 0 .. 1
    confidence, step : float
        See `mean_interval`.

    Examples
    --------
    >>> nets = [1.0, 0.98, 0.99]
    >>> [round(v, 3) for v in share_interval(nets)], [round(v, 3) for v in mean_interval(nets)]
    ([0.99, 0.965, 1.0], [0.99, 0.965, 1.015])
    """
    v = as_numbers(shares, "shares", "an array (n,) in 0 .. 1", ndim=1)
    if v.size == 0 or not ((v >= 0) & (v <= 1)).all():
        raise ValueError(f"shares must be an array (n,) of at least one number in 0 .. 1, not {described(shares)}")
    value, low, high = mean_interval(v, confidence=confidence, step=step)
    return Interval(value, *np.clip([low, high], 0, 1).tolist())


def difference_interval(a: Interval, b: Interval) -> Interval:
    """Return a - b of two independent estimates, and its interval from theirs (Newcombe 1998, method 10).

        low = a - b - sqrt((a - a.low)^2 + (b.high - b)^2),   high = a - b + sqrt((a.high - a)^2 + (b - b.low)^2)

    The intervals may be of different kinds, such as a mean over nets and a published share of 256 images (Zou & Donner
    2008); the difference has the confidence that both have.

    Examples
    --------
    >>> from nnpg.analysis.statistics import wilson
    >>> [round(v, 3) for v in difference_interval(wilson(56, 70), wilson(48, 80))]
    [0.2, 0.052, 0.334]
    """
    a, b = as_instance(a, Interval, "a"), as_instance(b, Interval, "b")
    value = a.value - b.value
    below = math.hypot(a.value - a.low, b.high - b.value)
    above = math.hypot(a.high - a.value, b.value - b.low)
    return Interval(value, value - below, value + above)


def holm(p_values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return p values corrected for their number: the chance of any false alarm among all stays below p (Holm 1979).

    With p_(1) <= ... <= p_(n), the corrected p_(i) is the largest of (n - j + 1) p_(j) for j <= i, at most 1.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    p = as_numbers(p_values, "p_values", "an array (n,) in 0 .. 1", ndim=1).astype(np.float64)
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"p_values must be an array (n,) of numbers in 0 .. 1, not {described(p_values)}")
    order = np.argsort(p, kind="stable")
    raised = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(raised, 1.0)
    return corrected


class Comparison(NamedTuple):
    """Differences over nets or seeds (n,), and the p of the paired t test, corrected for the number of comparisons."""

    differences: Array
    p: float

    @property
    def mean(self) -> float:
        """The mean difference."""
        return float(self.differences.mean())

    def significant(self, sign: int, *, level: float = 0.05) -> bool:
        """Return whether the mean difference has this sign (1 or -1) and p is below the level."""
        return self.p < level and self.mean * sign > 0


def compare(differences: Mapping[Key, npt.ArrayLike]) -> dict[Key, Comparison]:
    """Test for each key whether paired differences have mean 0; p is corrected for their number (Holm 1979).

    Parameters
    ----------
    differences : mapping of key -> array (n,)
        One value for each net or seed. A single value, or two to four equal ones that are not 0, have no test: p is 1.

    Returns
    -------
    dict of key -> Comparison

    Examples
    --------
    >>> comparisons = compare({"a": [1.0, 1.1, 0.9], "b": [0.5, -0.6, 0.2]})
    >>> comparisons["a"].significant(1), comparisons["b"].significant(1)
    (True, False)
    """
    values = {key: as_numbers(d, "differences", "an array (n,)", ndim=1) for key, d in differences.items()}
    corrected = holm(np.nan_to_num([paired_p(d) for d in values.values()], nan=1.0))
    return {key: Comparison(d, float(p)) for (key, d), p in zip(values.items(), corrected, strict=True)}
