"""Knock-out: switch filters off and record the predictions (Lo & Ding 2015, V.C-D; Lo 2016, 4.2)."""

from nnpg.knockout.curves import To as To
from nnpg.knockout.curves import knock_out, knock_out_curve, knock_out_curves, outputs_by_layers
from nnpg.knockout.result import Knockout

__all__ = ["Knockout", "knock_out", "knock_out_curve", "knock_out_curves", "outputs_by_layers"]
