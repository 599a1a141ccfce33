"""What the functions of the ranks form cost."""

from __future__ import annotations

from shapley_kernels.costs import RANKS, Flat, OnTree, games_on_tree, one_size, or_flat, sorting

FLAT: dict[str, Flat] = {
    "discounted": Flat(sorting),
    "sized": Flat(lambda s: s.members**3 / 2, lambda s: 24.0 * s.members**2, lambda s: 80.0 * s.members**2),
}

ON_TREE: dict[str, OnTree] = {
    "discounted": games_on_tree(lambda s: s.members, one_size, 24.0),
    "sized": or_flat(
        lambda s, unions: (8.0 * s.members**3, 80.0 * s.members**2),
        lambda s, unions: (RANKS(s, unions)[0], RANKS(s, unions)[1] + 8.0 * s.tables * s.members**3),
    ),
}
