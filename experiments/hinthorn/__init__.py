"""Hinthorn, *Visualization and Selective Dropout*, 2017."""
