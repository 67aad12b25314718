"""Every figure in one place. Each function returns a matplotlib Figure, and writes it if given a path.

`network_diagram` in plots_network.py; `error_curves`, `training_history` in plots_curves.py; `damage_trace` in
plots_damage.py; `image_grid`, `maps_on_images` in plots_images.py; how all of them look in plots_style.py.
"""

from nnpg.plots_curves import Panel, error_curves, training_history
from nnpg.plots_damage import damage_trace
from nnpg.plots_images import image_grid, maps_on_images
from nnpg.plots_network import network_diagram

__all__ = [
    "Panel",
    "damage_trace",
    "error_curves",
    "image_grid",
    "maps_on_images",
    "network_diagram",
    "training_history",
]
