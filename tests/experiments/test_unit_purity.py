"""SZ-1 and SZ-2: what is measured of each net is judged over the nets."""

import numpy as np

from experiments.szegedy.unit_purity import DIFFERENCE, DIFFERENCE_OF_MAXIMISED, over_nets
from nnpg.maps.unit_images import ImageRows, UnitsAndDirections


def test_a_layers_verdicts_are_over_the_nets():
    def of(pure, taken):
        images = np.zeros((2, 8), int)
        return ImageRows(images, np.full(2, pure), 0.5, 0.01, np.zeros((2, 1, 1, 1)), np.arange(2), taken, 1.5)

    nets = [
        UnitsAndDirections(np.arange(2), of(0.6 + d, 0.8 + 10 * d), of(0.6, 0.8), 0.001)
        for d in (0, 0.001, -0.001, 0.002)
    ]
    rows = over_nets("relu1", nets, comparisons=8)
    verdicts = {r.name.removeprefix("relu1: "): r.verdict for r in rows}
    assert verdicts[DIFFERENCE] == "held", "within the margin over four nets, whatever p is in each"
    assert verdicts[DIFFERENCE_OF_MAXIMISED] == "held"
    assert {(r.n, r.over) for r in rows} == {(4, "nets")}
    assert [r.verdict for r in over_nets("relu1", nets[:1], comparisons=8) if r.claim] == ["open"] * 4
    apart = [UnitsAndDirections(np.arange(2), of(0.9 + d, 0.8), of(0.6, 0.8), 0.5) for d in (0, 0.001, -0.001, 0.002)]
    assert over_nets("relu1", apart, comparisons=8)[0].verdict == "contradicted"
