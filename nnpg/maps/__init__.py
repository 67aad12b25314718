"""Where in an image: maps of evidence, projections to the pixels, receptive fields, and how to judge them.

| map                | what it shows                                           | passes over N images          |
|--------------------|---------------------------------------------------------|-------------------------------|
| `strongest_map`    | highest prediction gradient of any filter (Lo 2016)     | 1 forward, 1 backward         |
| `contribution_map` | prediction gradient x outputs minus their mean          | 2 forward, 1 backward         |
| `saliency_map`     | size of the gradient at the pixels (Simonyan 2013)      | 1 forward, 1 backward         |
| `occlusion_map`    | what covering a place costs (Zeiler & Fergus 2013)      | 1 + 1 for each place, forward |
| `departure_map`    | outputs minus their mean; no class, no gradient         | 1 forward                     |
| `edge_map`         | contrast of the picture; no network                     | 0                             |

All take (net, x, classes) and return maps (N, H, W), higher for more evidence, so that `benchmark_localisation` takes
any of them, and yours.

evidence, occlusion, controls   the maps above
localisation, deletion          is a map right: where the truth is known, and where it is not
receptive_fields                which pixels a unit sees
projection, excitation          units sent back to the pixels; the images that excite a filter most
maximisation                    images that are changed until they excite a unit most
unit_images                     what excites the units of a layer, beside random directions
"""

from nnpg.maps.controls import departure_map, edge_map
from nnpg.maps.evidence import contribution_map, saliency_map, strongest_map
from nnpg.maps.occlusion import occlusion_map

__all__ = [
    "contribution_map",
    "departure_map",
    "edge_map",
    "occlusion_map",
    "saliency_map",
    "strongest_map",
]
