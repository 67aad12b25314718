"""Knock-out curves as the panels of one figure: Lo & Ding 2015, Fig. 2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nnpg.knockout import Knockout
from nnpg.plots.curves import Panel


def knockout_panels(
    curves: Mapping[tuple[int, str], Knockout],
    class_names: Sequence[str],
    random_orders: Sequence[Knockout] = (),
) -> list[Panel]:
    """Return a panel for each order and kind of error, to be drawn by `error_curves`.

    Parameters
    ----------
    curves : mapping
        curves[c, "strongest"] is what knocking out class c's strongest filters first does.
    class_names : K strings
    random_orders : sequence of Knockout, optional
        Drawn beside the overall errors, as one band.

    Returns
    -------
    list of Panel
        For one class a panel for each order; for several the class errors, then the overall errors, order by order.

    Examples
    --------
    >>> from nnpg import Filter
    >>> curve = Knockout((Filter("pool1", 0),), np.array([[0, 1], [0, 0]]), np.array([0, 1]), 2)
    >>> [(p.title, list(p.series)) for p in knockout_panels({(1, "weakest"): curve}, ("a", "b"))]
    [('b, weakest first', ['class error', 'overall error'])]
    >>> [(p.title, p.ylabel) for p in knockout_panels({(0, "weakest"): curve, (1, "weakest"): curve}, ("a", "b"))]
    [('weakest first', 'class error'), ('weakest first', 'overall error')]
    """
    classes = list(dict.fromkeys(c for c, _ in curves))
    orders = list(dict.fromkeys(order for _, order in curves))
    by_chance = {"random order": np.stack([curve.overall_error for curve in random_orders])} if random_orders else {}
    if len(classes) == 1:
        [c] = classes
        return [
            Panel(
                f"{class_names[c]}, {order} first",
                {"class error": curves[c, order].class_error(c), "overall error": curves[c, order].overall_error}
                | by_chance,
            )
            for order in orders
        ]
    own = [
        Panel(
            f"{order} first", {class_names[c]: curves[c, order].class_error(c) for c in classes}, ylabel="class error"
        )
        for order in orders
    ]
    overall = [
        Panel(
            f"{order} first",
            {class_names[c]: curves[c, order].overall_error for c in classes} | by_chance,
            ylabel="overall error",
        )
        for order in orders
    ]
    return own + overall
