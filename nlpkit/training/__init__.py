"""Training through Keras' own `fit`: schedule, checkpoint and resume, progress."""
