"""Every figure in one place. Each function returns a matplotlib Figure, and writes it if given a path.

`network_diagram` in network.py; `error_curves`, `training_history` in curves.py; `damage_trace` in
damage.py; `image_grid`, `maps_on_images` in images.py; `feature_maps` in maps.py; `matrix_panels` in matrices.py;
`interval_plot` in intervals.py; how all of them look in style.py.
"""

from nnpg.plots.curves import Panel, error_curves, training_history
from nnpg.plots.damage import damage_trace
from nnpg.plots.images import image_grid, maps_on_images
from nnpg.plots.intervals import Measured, interval_plot
from nnpg.plots.maps import feature_maps
from nnpg.plots.matrices import matrix_panels
from nnpg.plots.network import network_diagram

__all__ = [
    "Measured",
    "Panel",
    "damage_trace",
    "error_curves",
    "feature_maps",
    "image_grid",
    "interval_plot",
    "maps_on_images",
    "matrix_panels",
    "network_diagram",
    "training_history",
]
