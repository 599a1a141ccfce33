"""Exact values from the coalitions that matter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_credit.blackbox.draws import Coalitions, enumeration, unpacked
from shapley_credit.blackbox.functions import MAX_EVALUATIONS, check_budget
from shapley_credit.blackbox.solution import Solution
from shapley_credit.blackbox.structure import Structure

Array = NDArray[Any]


def minimum(structure: Structure) -> int:
    """Number of coalitions that matter."""
    return structure.relevant


def fits(structure: Structure, budget: int | None) -> bool:
    """Whether an exact value is within the budget."""
    return structure.k <= 62 and minimum(structure) <= (MAX_EVALUATIONS if budget is None else min(budget, MAX_EVALUATIONS))


def design(structure: Structure, budget: int, seed: int) -> tuple[Coalitions, Any]:
    """All coalitions that matter, in the order of their bit masks; the same for every seed."""
    check_budget(minimum(structure), structure.k)
    codes, places = enumeration(structure)
    return unpacked(codes, structure.k), places


def solve(structure: Structure, coalitions: Coalitions, layout: Any, values: Array) -> Solution:
    """phi_i = sum_S p_S [v(S + i) - v(S)], values [B, m] -> [B, k]."""
    credit = credits(layout, values)
    return Solution(credit, np.zeros_like(credit))


def credits(places: Sequence[tuple[Array, Array, Array]], values: Array) -> Array:
    """The same, for the places of `enumeration`."""
    steps = [(np.take(values, joined, axis=1) - np.take(values, without, axis=1)) * p for without, joined, p in places]
    return np.stack([step.sum(axis=1) for step in steps], axis=1)
