"""Attacks and masks against SciPy, Foolbox, adv-lib and PyTorch."""
