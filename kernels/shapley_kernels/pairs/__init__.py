"""Sums over pairs, times a function of the size."""

from shapley_kernels.arguments import described

GAMES = described(
    pair_sums={"distances": "symmetric K K", "present": "flag K", "f": "real L"},
)

# Asymmetry that passes, relative to the largest entry: the rounding of a float32 product such as x @ x.T.
ASYMMETRY = 1e-5
