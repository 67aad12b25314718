"""Our backend `cupy` against PyTorch and JAX on the same NVIDIA GPU.

Where to read: `rows` (what is compared), `card` (what the card can do), `floor` (the least time of a row from it),
`ours` and `rivals` (who takes part), `rounds` (agreement first, then turns), `layers` (one layer at a time), `attack`
(60,000 images in one call), `tables`, `record` and `command`.
"""
