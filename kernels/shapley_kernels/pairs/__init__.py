"""Sums over pairs, times a function of the size."""

from shapley_kernels.arguments import described

GAMES = described(
    pair_sums={"distances": "symmetric K K", "present": "flag K", "f": "real L"},
)
