"""Weighted OR and AND games over sets of members."""

from shapley_kernels.arguments import described

GAMES = described(
    additive={"scores": "real K"},
    coverage={"hits": "flag K E", "weights": "real E"},
    distinct={"labels": "label K", "present": "flag K"},
    unanimity={"sets": "flag K E", "weights": "real E"},
)
