"""Keras layers, written on `keras.ops` so that they run on every backend. Importing this imports Keras."""
