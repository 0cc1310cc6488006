"""The Keras models behind the tasks. Importing this imports Keras."""
