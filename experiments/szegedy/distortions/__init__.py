"""SZ-T1 to SZ-T4 and SZ-F7: the least distortions that fool MNIST networks, and what they do to other networks."""
