"""Szegedy et al., *Intriguing Properties of Neural Networks*, 2013."""
