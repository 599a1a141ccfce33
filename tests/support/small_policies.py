"""Policies of few choices, whose expectations are sums over all responses."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def softmax(logits: Array) -> Array:
    raised = np.exp(logits)
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


class Members:
    """k members that choose one of `actions`; v(S) is any number for every set and everything that its members chose."""

    def __init__(self, k: int, actions: int, seed: int) -> None:
        self.k, self.actions = k, actions
        self.rng = np.random.default_rng(seed)
        self.known: dict[Any, float] = {}

    def value(self, coalition: tuple[int, ...], chosen: tuple[int, ...]) -> float:
        return self.known.setdefault((coalition, tuple(chosen[i] for i in coalition)), float(self.rng.normal()))

    def table(self, chosen: tuple[int, ...]) -> Array:
        return np.array([self.value(tuple(i for i in range(self.k) if code >> i & 1), chosen) for code in range(1 << self.k)])

    def responses(self) -> list[tuple[int, ...]]:
        return list(product(range(self.actions), repeat=self.k))


def mean_value(members: Members, coalition: tuple[int, ...], logits: Array) -> tuple[float, Array]:
    """E[v(y_T)] of independent members with logits [k, actions], and its gradient."""
    policy, mean, slope = softmax(logits), 0.0, np.zeros_like(logits)
    for chosen in members.responses():
        chance = np.prod([policy[i, a] for i, a in enumerate(chosen)])
        worth = members.value(coalition, chosen)
        mean += chance * worth
        slope += chance * worth * (np.eye(members.actions)[list(chosen)] - policy)
    return float(mean), slope


def texts() -> list[str]:
    """What a policy writes of x, y and an end, one to three letters; after the third there is no choice."""
    letters = [p for size in (1, 2, 3) for p in product("xy", repeat=size)]
    return ["".join(p) + "." * (len(p) < 3) for p in letters]
