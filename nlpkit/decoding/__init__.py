"""From scores to text: sampling and beam search, in numpy over a session. Loads no training framework."""
