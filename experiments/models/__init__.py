"""Trained networks that several experiments share. Each is trained once and kept."""
