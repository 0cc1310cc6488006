"""Translation: one sequence into another."""
