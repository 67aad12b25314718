"""For SZ-T5: bounds of the gain of each layer beside the gains that were measured; rows, curves and a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from experiments.experiment import Row, row
from nnpg import Network
from nnpg.analysis.gains import Gain, MeasuredGain, lipschitz_bounds, measured_gains
from nnpg.analysis.verdicts import Verdict
from nnpg.plots import Depth
from nnpg_kernels import Array


@dataclass(frozen=True, eq=False)
class GainReport:
    """The bounds of a network's layers, and for each kind of change the gains measured at each layer."""

    name: str
    net: Network
    gains: tuple[Gain, ...]
    measured: dict[str, dict[str, MeasuredGain]]

    @property
    def scores(self) -> Gain:
        """The gain up to the scores, before the softmax."""
        return self.gains[-2]

    @property
    def first_bound(self) -> float:
        """The upper bound of the first layer that has weights."""
        return next(gain.bounds.upper for gain in self.gains if gain.bounds)

    @property
    def within(self) -> dict[str, bool]:
        """Whether, for each kind of change, no measured gain exceeds the bound that is proved; rounding aside."""
        return {
            kind: all(bool((of_kind[g.layer].total <= g.product * (1 + 1e-4)).all()) for g in self.gains)
            for kind, of_kind in self.measured.items()
        }

    @property
    def slack(self) -> float:
        """How many times the largest measured gain up to the scores the product of the bounds is."""
        largest = max(of_kind[self.scores.layer].total.max() for of_kind in self.measured.values())
        return float(self.scores.product / largest)


def measure(name: str, net: Network, changes: Mapping[str, tuple[Array, Array]]) -> GainReport:
    """Compute the bounds of a network, and measure its gains for pairs of images and changed images."""
    return GainReport(
        name, net, lipschitz_bounds(net).gains, {kind: measured_gains(net, a, b) for kind, (a, b) in changes.items()}
    )


def changes_and_noise(x: Array, distorted: Array, seed: int) -> dict[str, tuple[Array, Array]]:
    """Return pairs of images and changed ones: towards another class, and by noise of the same size."""
    size = np.sqrt(((distorted - x) ** 2).reshape(len(x), -1).mean(axis=1))
    n, rms = np.flatnonzero(size > 0), np.where(size > 0, size, 0.06).reshape(-1, *[1] * (x.ndim - 1))
    noise = np.random.default_rng(seed).standard_normal(x.shape)
    changes = {"noise": (x, (x + rms * noise).astype(x.dtype))}
    return {"adversarial": (x[n], distorted[n])} | changes if len(n) else changes


def gain_rows(report: GainReport, paper: Mapping[str, tuple[float, float]], *, substitute: bool = False) -> list[Row]:
    """Return the bounds of the layers with weights; for the whole network the bound, and the largest gain within it.

    The rows of a substitute, whose weights are not those of the paper's network, stay open.
    """
    rows, name = [], report.name
    verdict: Verdict | None = "open" if substitute else None
    for gain in report.gains:
        if gain.bounds:
            low, high = paper.get(gain.layer, (None, None))
            for end, number, ours in (("lower", low, gain.bounds.lower), ("upper", high, gain.bounds.upper)):
                judged = None if number is None else verdict
                bound = f"{name}, {gain.layer}: {end} bound"
                rows.append(row(bound, number, ours, 1, "nets", unit="gain", verdict=judged))
    product = f"{name}: product of the bounds up to the scores"
    rows.append(row(product, None, report.scores.product, 1, "nets", unit="gain"))
    for kind, of_kind in report.measured.items():
        total = of_kind[report.scores.layer].total
        largest, fact = f"{name}: largest gain, {kind}", None if substitute else report.within[kind]
        rows.append(row(largest, None, float(total.max()), len(total), "images of one net", unit="gain", fact=fact,
                        verdict=verdict))  # fmt: skip
    return rows


def gain_panel(report: GainReport) -> Depth:
    """Return the bound and the largest measured gains over the depth of the network, without the softmax."""
    shown = report.gains[:-1]
    series: dict[str, list[float]] = {"bound": [gain.product for gain in shown]}
    for kind, of_kind in report.measured.items():
        series[f"largest measured: {kind}"] = [float(of_kind[gain.layer].total.max()) or np.nan for gain in shown]
    return Depth(report.name, [gain.layer for gain in shown], series)


def gain_lines(report: GainReport) -> list[str]:
    """Return a table of all layers, one line each."""
    kinds = "".join(f"{kind:>14}" for kind in report.measured)
    heads = f"{'size':>18} {'lower':>10} {'constant':>10} {'product':>10}{kinds}"
    lines = [f"{report.name:16} {heads}   (largest gain of the layer)"]
    for gain in report.gains:
        W = report.net.parameters.get(gain.layer, {}).get("W")
        size = "" if W is None else " x ".join(map(str, W.shape))
        low = f"{gain.bounds.lower:.3g}" if gain.bounds else ""
        largest = "".join(f"{np.nanmax(of_kind[gain.layer].layer):14.3g}" for of_kind in report.measured.values())
        lines.append(f"{gain.layer:16} {size:>18} {low:>10} {gain.constant:10.3g} {gain.product:10.3g}{largest}")
    return [*lines, ""]
