"""Kriging: a prior over games, and what the values of some coalitions say of the others."""
