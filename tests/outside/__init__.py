"""A package beside nlpkit."""
