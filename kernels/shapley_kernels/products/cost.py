"""What the functions of the products form cost."""

from __future__ import annotations

from shapley_kernels.costs import PRODUCT, Flat, OnTree, games_on_tree, no_size, quadrature_nodes

FLAT: dict[str, Flat] = {
    "product": PRODUCT,
    "noisy_or": PRODUCT,
    "mixture": Flat(lambda s: s.width * s.members * quadrature_nodes(s), beside=lambda s: 64.0 * s.width * s.members),
}

ON_TREE: dict[str, OnTree] = {
    "product": games_on_tree(lambda s: 1.0, no_size),
    "noisy_or": games_on_tree(lambda s: 1.0, no_size),
    "mixture": games_on_tree(lambda s: s.width, no_size),
}
