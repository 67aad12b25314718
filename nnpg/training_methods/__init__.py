"""Other ways to train: full-batch L-BFGS, sparsity, selective dropout, a pool of adversarial images."""
