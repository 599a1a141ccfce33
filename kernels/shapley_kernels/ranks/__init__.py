"""Gains times discounts of their ranks."""

from shapley_kernels.arguments import described

GAMES = described(
    discounted={"gains": "real K", "keys": "key K", "discounts": "real R"},
    sized={"gains": "real K", "keys": "key K", "present": "flag K", "weights": "real R R"},
)
