"""Sweeps: one recipe trained at every point of a grid, with several seeds each."""
