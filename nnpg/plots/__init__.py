"""Every figure in one place. Each function returns a matplotlib Figure, and writes it if given a path.

`network_diagram` in network.py; `error_curves`, `training_history` in curves.py; `damage_trace` in
damage.py; `image_grid`, `maps_on_images` in images.py; how all of them look in style.py.
"""

from nnpg.plots.curves import Panel, error_curves, training_history
from nnpg.plots.damage import damage_trace
from nnpg.plots.images import image_grid, maps_on_images
from nnpg.plots.network import network_diagram

__all__ = [
    "Panel",
    "damage_trace",
    "error_curves",
    "image_grid",
    "maps_on_images",
    "network_diagram",
    "training_history",
]
