"""OR games at all thresholds of scores, integrated."""

from shapley_kernels.arguments import described

GAMES = described(
    airport={"scores": "real K", "base": "real", "present": "flag K"},
    facility={"scores": "real K E", "weights": "real E"},
)
