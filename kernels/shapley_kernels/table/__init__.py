"""Games given by all their values."""

from shapley_kernels.arguments import described

GAMES = described(
    solve={"values": "real V"},
)
