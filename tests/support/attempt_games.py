"""Attempts at a task, whose expected rewards are known."""

from __future__ import annotations

from itertools import product

import numpy as np
from shapley_credit.testing.instances import Array

K = 3
ARMS = 3
SAMPLES = np.array(list(product(range(ARMS), repeat=K)))  # all draws of K arms
POLICY = np.exp([0.3, -0.9, 0.4])
POLICY /= POLICY.sum()
CHANCE = POLICY[SAMPLES].prod(axis=1)
SCORE = (np.eye(ARMS) - POLICY)[SAMPLES]  # grad log pi of each sample, [draw, sample, arm]

REWARDS = np.array([-1.5, 0.25, -0.5])


def expected(credit: Array) -> Array:
    """E[sum_i credit_i grad log pi(y_i)], exactly."""
    direction: Array = np.einsum("d,di,dia->a", CHANCE, credit, SCORE)
    return direction


GRID = np.array(list(product([-2.0, -0.5, 0.0, 1.0, 1.5], repeat=4)))
