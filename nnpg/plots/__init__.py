"""Every figure. Each function returns a matplotlib Figure, and writes it to a file if given a path.

curves         errors over steps (knock-outs), losses, the history of a training
lines          fractions over any x, numbers over the layers of a network
functions      functions of one number as curves, of two numbers as regions of a plane
images         images side by side with outlines; colours for maps
filters        what filters do to an image; all maps of a network; the outputs of one image beside their deltas
regions        the strongest unit of a layer: what it sees, its output and its prediction gradient
network        the papers' network diagram
wiring         a small network with all its weights
arithmetic     one number of a network: patch, kernel and sum, forward and backward
distributions  histograms, values with their intervals, two numbers against each other
matrices       square matrices side by side; a table of cells with words
knockout       panels for knock-out curves; what each class is taken for as filters are knocked out
protocols      what figures need of results
checks         arguments in one form, or refused before anything is drawn
style          one style of all figures: sizes, colours, panels, text
"""

from nnpg.plots.arithmetic import arithmetic_diagram
from nnpg.plots.curves import Panel, error_curves, loss_curve, training_history
from nnpg.plots.distributions import Cell, Measured, Pairs, histogram_grid, interval_plot, scatter_panels
from nnpg.plots.filters import feature_maps, filter_gallery, pass_diagram
from nnpg.plots.functions import Plane, function_panels, plane_panels
from nnpg.plots.images import heat, image_grid, signed_colours
from nnpg.plots.knockout import damage_trace, knockout_panels
from nnpg.plots.lines import Depth, Lines, depth_curves, line_panels
from nnpg.plots.matrices import cell_map, matrix_panels
from nnpg.plots.network import network_diagram
from nnpg.plots.regions import strongest_regions
from nnpg.plots.wiring import wiring_diagram

__all__ = [
    "Cell",
    "Depth",
    "Lines",
    "Measured",
    "Pairs",
    "Panel",
    "Plane",
    "arithmetic_diagram",
    "cell_map",
    "damage_trace",
    "depth_curves",
    "error_curves",
    "feature_maps",
    "filter_gallery",
    "function_panels",
    "heat",
    "histogram_grid",
    "image_grid",
    "interval_plot",
    "knockout_panels",
    "line_panels",
    "loss_curve",
    "matrix_panels",
    "network_diagram",
    "pass_diagram",
    "plane_panels",
    "scatter_panels",
    "signed_colours",
    "strongest_regions",
    "training_history",
    "wiring_diagram",
]
