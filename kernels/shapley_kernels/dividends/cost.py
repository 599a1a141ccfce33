"""What the functions of the dividends form cost."""

from __future__ import annotations

from shapley_kernels.costs import LINEAR_COST, OF_SETS, SETS, Flat, OnTree, flows, sorting

FLAT: dict[str, Flat] = {
    "additive": LINEAR_COST,
    "coverage": SETS,
    "unanimity": SETS,
    "distinct": Flat(lambda s: min(s.members**2, 4 * sorting(s)), beside=lambda s: 3.0 * s.members**2),
}

ON_TREE: dict[str, OnTree] = {
    "additive": lambda s, unions: (2.0 * s.members, 0.0),
    "coverage": OF_SETS,
    "unanimity": OF_SETS,
    "distinct": lambda s, unions: flows(s, unions, s.members, s.members / 8),
}
