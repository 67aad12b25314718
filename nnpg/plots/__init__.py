"""Every figure in one place. Each function returns a matplotlib Figure, and writes it if given a path.

`network_diagram` in network.py; `error_curves`, `training_history` in curves.py; `damage_trace` in damage.py;
`image_grid`, `maps_on_images` in images.py; `feature_maps` in maps.py; `matrix_panels` in matrices.py; `cell_map` in
cells.py; `depth_curves` in layers.py; `interval_plot` in intervals.py; `strongest_regions` in evidence.py;
`function_panels` in functions.py; `plane_panels` in planes.py; `filter_gallery` in kernels.py; `scatter_panels` in
scatter.py; `line_panels` in lines.py; `histogram_grid` in histograms.py; `wiring_diagram` in
wiring.py; colours for maps in heat.py; how all of them look in style.py.
"""

from nnpg.plots.cells import cell_map
from nnpg.plots.curves import Panel, error_curves, training_history
from nnpg.plots.damage import damage_trace
from nnpg.plots.evidence import strongest_regions
from nnpg.plots.functions import function_panels
from nnpg.plots.heat import heat, signed_colours
from nnpg.plots.histograms import histogram_grid
from nnpg.plots.images import image_grid, maps_on_images
from nnpg.plots.intervals import Measured, interval_plot
from nnpg.plots.kernels import filter_gallery
from nnpg.plots.layers import Depth, depth_curves
from nnpg.plots.lines import Lines, line_panels
from nnpg.plots.maps import feature_maps
from nnpg.plots.matrices import matrix_panels
from nnpg.plots.network import network_diagram
from nnpg.plots.planes import Plane, plane_panels
from nnpg.plots.scatter import Pairs, scatter_panels
from nnpg.plots.wiring import wiring_diagram

__all__ = [
    "Depth",
    "Lines",
    "Measured",
    "Pairs",
    "Panel",
    "Plane",
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
    "line_panels",
    "maps_on_images",
    "matrix_panels",
    "network_diagram",
    "plane_panels",
    "scatter_panels",
    "signed_colours",
    "strongest_regions",
    "training_history",
    "wiring_diagram",
]
