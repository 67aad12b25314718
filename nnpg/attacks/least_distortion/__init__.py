"""The least distortion for which a network takes an image for its target (Szegedy et al. 2013, 4.1).

Read `definition` first: the paper's method for one image, with SciPy's L-BFGS-B. `attack` holds the public function,
which solves many images at once. It has two solvers. `solver` minimises c |r| + loss for a batch of images, each with
its own c: `brackets` chooses c, `quasi_newton` with `curvature` makes the steps, `norms` says what |r| is, and `polish`
goes on to the nearest point of the decision boundary. `boundary`, called by `boundary_batches`, searches along the
boundary of networks with kinks. `partial_results` keeps what is done and writes checkpoints, `results` is what the
caller gets, and `rows` selects among the images of a batch.
"""
