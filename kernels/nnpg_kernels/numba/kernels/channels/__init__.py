"""Kernels that work channel by channel: filters in the lanes, their gradients, and sums of what each channel adds."""
