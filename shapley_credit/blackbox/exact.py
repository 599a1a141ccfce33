"""Exact values from the coalitions that matter."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_credit.blackbox.random_coalitions import Coalitions
from shapley_credit.blackbox.solution import Solution
from shapley_credit.blackbox.structure import Structure
from shapley_credit.solve.callables import MASK_BITS, MAX_EVALUATIONS, check_budget
from shapley_credit.solve.functions_on_trees import credits, enumeration, unpacked

Array = NDArray[Any]


def minimum(structure: Structure) -> int:
    """Number of coalitions that matter."""
    return structure.relevant


def fits(structure: Structure, budget: int | None) -> bool:
    """Whether an exact value is within the budget."""
    return structure.k <= MASK_BITS and minimum(structure) <= (
        MAX_EVALUATIONS if budget is None else min(budget, MAX_EVALUATIONS)
    )


def design(structure: Structure, budget: int, seed: int) -> tuple[Coalitions, Any]:
    """All coalitions that matter, in the order of their bit masks; the same for every seed."""
    check_budget(minimum(structure), structure.k)
    codes, places = enumeration(structure.root, structure.mixes, structure.k)
    return unpacked(codes, structure.k), places


def solve(structure: Structure, coalitions: Coalitions, places: Any, values: Array) -> Solution:
    """phi_i = sum_S p_S [v(S + i) - v(S)], values [B, m] -> [B, k]."""
    credit = credits(places, values)
    return Solution(credit, np.zeros_like(credit))
