"""Knock-out sweeps: one, several of the same images, and their steps."""
