"""What the functions of the gaps form cost."""

from __future__ import annotations

from shapley_kernels.costs import Flat, OnTree, all_sets, or_flat, sorting

FLAT: dict[str, Flat] = {
    "min_gap": Flat(lambda s: 2 * s.members**2 * sorting(s), lambda s: 20.0 * s.members**2),
}

ON_TREE: dict[str, OnTree] = {
    "min_gap": or_flat(lambda s, unions: (4.0 * float(s.members) ** 4, 1.0 * (1 << 28)), all_sets),
}
