"""What only counts, to hold models against."""
