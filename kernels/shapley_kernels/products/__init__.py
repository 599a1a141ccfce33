"""Product games, and mixtures of them."""

from shapley_kernels.arguments import described

GAMES = described(
    product={"inside": "chance K", "outside": "chance K", "delta": "rest K"},
    mixture={"inside": "chance K E", "outside": "chance B K E", "delta": "rest K E", "weights": "real E"},
    noisy_or={"chances": "chance K"},
)
