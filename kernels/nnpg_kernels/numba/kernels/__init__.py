"""Kernels: each is compiled once for a type of number and a tile, and gets sizes and addresses from a record."""
