"""Data: where it comes from, how it is laid out for training, how it is batched."""
