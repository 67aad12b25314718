"""Hinthorn's network for digits, its adversarial pairs, and the trainings that start from it."""
