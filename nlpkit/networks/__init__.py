"""The Keras models behind the tasks. Importing this imports Keras."""

from nlpkit.quiet import import_keras

import_keras()  # in silence, whoever asks for a network first
