"""Text generation: writing on in the manner of a text."""
