"""Numbers about many images, networks and runs.

statistics, comparisons                intervals, tests, and differences over the same nets or seeds
profiles, filter_profiles, groups      scores of images of one class and of several; pairs by their classes
concentration                          how unevenly scores are spread
directions, angles                     images that excite a direction most; cosines
loss_gradients, outputs                dL/do, and o itself, of many images
spectral, gains                        how much a layer can stretch a change, and how much it does
edge_filters, separability             examples of the thesis: well-known filters, points that a line separates
"""
