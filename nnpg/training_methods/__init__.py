"""Other ways to train.

lbfgs, full_batch, sparsity            L-BFGS on the mean loss of all images (Szegedy et al. 2013)
adversarial_pool                       a step of `nnpg.train` with a pool of adversarial examples (Szegedy et al. 2013)
volatility, unit_clusters              how much adversarial images change each unit, and which units together
responsibility                         how much of a misclassification hangs on some units
selective_dropout                      a step that trains only the units that adversarial images change most
masked_sgd, hard_negatives             its optimiser, and the training that uses it (Hinthorn 2017)
learning_curves                        after how many steps a curve reaches its optimum
"""
