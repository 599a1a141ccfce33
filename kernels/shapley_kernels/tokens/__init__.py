"""Credit laid out at tokens."""

from shapley_kernels.arguments import described

GAMES = described(
    scatter={"values": "real P", "mask": "flag T"},
    spread={"credit": "real P", "lengths": "whole P", "mask": "flag T"},
)
