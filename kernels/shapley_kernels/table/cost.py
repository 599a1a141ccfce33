"""What the functions of the table form cost."""

from __future__ import annotations

from shapley_kernels.costs import Flat, OnTree, all_sets, number_of_sets

FLAT: dict[str, Flat] = {
    "solve": Flat(lambda s: number_of_sets(s) / 4, lambda s: number_of_sets(s) / 64, lambda s: 24 * number_of_sets(s)),
}

ON_TREE: dict[str, OnTree] = {
    "solve": all_sets,
}
