"""One number of a network as a picture: `diagram` draws it, `patches` chooses which terms it shows."""

from nnpg.plots.arithmetic.diagram import arithmetic_diagram

__all__ = ["arithmetic_diagram"]
