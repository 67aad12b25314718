"""The public gradient check: `gradcheck(layer or network)`.

What is checked is in `check.py`; how a derivative is measured without a line of backward in `measure.py`; what a layer
has to return at all in `contract.py`; how a wrong gradient betrays its cause in `diagnosis.py`; how it all reads in
`report.py`.
"""

from nnpg.gradient_check.check import gradcheck
from nnpg.gradient_check.report import GradientCheckError, GradientReport, GradientRow

__all__ = ["GradientCheckError", "GradientReport", "GradientRow", "gradcheck"]
