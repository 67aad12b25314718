"""Networks for MNIST as Szegedy et al. train them: by L-BFGS, convolutional, and with pools of examples."""
