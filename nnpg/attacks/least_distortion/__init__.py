"""The least distortion for which a network takes an image for its target (Szegedy et al. 2013, 4.1).

Read `definition` first: the paper's method for one image, with SciPy's L-BFGS-B. `attack` has the public function, for
many images. It has two methods. The penalty method minimises c |r| + loss: `working_set` chooses the images that are
solved at a time, `solver` iterates on them, `brackets` searches for c, `quasi_newton` and `curvature` make the steps,
`norms` defines |r|, and `polish` moves to the decision boundary. The boundary method, for networks with kinks, is
`boundary`, which `boundary_batches` calls. `partial_results` holds the results so far and what a checkpoint contains,
`results` is what the caller gets, and `rows` selects among the images of a batch.
"""
