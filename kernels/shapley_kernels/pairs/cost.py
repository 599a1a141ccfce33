"""What the functions of the pairs form cost."""

from __future__ import annotations

from shapley_kernels.costs import PAIRS, SPLIT, Flat, OnTree, or_flat

FLAT: dict[str, Flat] = {
    "pair_sums": Flat(lambda s: s.members**2 / 4, beside=lambda s: 17.0 * s.members**2),
}

ON_TREE: dict[str, OnTree] = {
    "pair_sums": or_flat(
        lambda s, unions: (4.0 * s.members**2, 32.0 * s.members**2),
        lambda s, unions: PAIRS(s, unions) if s.width == 1 else (SPLIT * s.width * unions.spread(), 16.0 * s.members * s.width),
    ),
}
