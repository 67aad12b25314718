"""The arithmetic of one number of a network, forward and backward: `explain(net, x, unit="conv2:3,4,5")`.

Where to read: `explaining` (one unit or one weight), `arithmetic` (which units a number depends on, and by how much),
`quantities` (what is differentiated), `nudging` (the same derivative by measurement), `passes` (both passes, output by
output), `addresses` (units and weights by name), `results` (the tables).
"""

from nnpg.explanation.explaining import explain
from nnpg.explanation.passes import Passes, explain_passes
from nnpg.explanation.results import Explanation, Nudge
from nnpg.explanation.terms import Terms

__all__ = ["Explanation", "Nudge", "Passes", "Terms", "explain", "explain_passes"]
