"""Experiments that show why LSTMs work."""
