"""Games of the gaps between points on a line."""

from shapley_kernels.arguments import described

GAMES = described(
    min_gap={"points": "real K", "present": "flag K"},
)
