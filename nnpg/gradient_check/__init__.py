"""The public gradient check: `gradcheck(layer or network)`.

Where to read: `check` (what is checked), `measurement` (how a derivative is measured without backward), `contract`
(what a layer must return at all), `diagnosis` (how a wrong gradient shows its cause), `report` (the result).
"""

from nnpg.gradient_check.check import gradcheck
from nnpg.gradient_check.report import GradientCheckError, GradientReport, GradientRow

__all__ = ["GradientCheckError", "GradientReport", "GradientRow", "gradcheck"]
