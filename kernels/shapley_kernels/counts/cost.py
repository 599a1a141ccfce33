"""What the functions of the counts form cost."""

from __future__ import annotations

from shapley_kernels.costs import (
    GAME,
    LINEAR_COST,
    Flat,
    OnTree,
    drawn,
    engine,
    games_on_tree,
    one_size,
    or_flat,
    quadrature_nodes,
    square,
    two_sizes,
    votes,
)

FLAT: dict[str, Flat] = {
    "size_sum": LINEAR_COST,
    "cardinality": LINEAR_COST,
    "pass_at_k": LINEAR_COST,
    "separable": Flat(lambda s: s.members**2 / 4, beside=lambda s: 3.0 * s.members**2),
    "class_sizes": Flat(lambda s: 2.0 * s.members**2, lambda s: 24.0 * s.members**2, lambda s: 100.0 * s.members**2),
    "plurality": Flat(votes, lambda s: 24.0 * s.length * s.width, lambda s: 64.0 * s.members**2),
    "weighted": Flat(
        lambda s: s.members * s.length * quadrature_nodes(s),
        lambda s: 8.0 * s.members * s.length,
        lambda s: 8.0 * s.members * s.length * quadrature_nodes(s),
    ),
    "typed": Flat(
        lambda s: s.width * (2.0 * s.length + s.members**2),
        lambda s: 8.0 * s.members * (s.members + s.width),
        lambda s: 24.0 * s.width * (s.length + s.members**2) + 48.0 * s.length,
    ),
    "geometric": Flat(lambda s: float(s.members) ** 4 / 2, lambda s: 16.0 * s.members**2, lambda s: 32.0 * s.members**3),
}

ON_TREE: dict[str, OnTree] = {
    "size_sum": or_flat(lambda s, unions: (16.0 * s.members, 48.0 * s.members), games_on_tree(lambda s: 2.0, one_size)),
    "cardinality": or_flat(drawn(lambda s: 1, square, lambda s: 1), GAME),
    "pass_at_k": or_flat(drawn(lambda s: 2, square, lambda s: 1), games_on_tree(lambda s: 1.0, two_sizes)),
    "separable": or_flat(drawn(lambda s: 2, square, lambda s: s.width), games_on_tree(lambda s: s.width, one_size)),
    "class_sizes": or_flat(drawn(lambda s: 2, square, lambda s: s.width), games_on_tree(lambda s: s.width, two_sizes, 24.0)),
    "plurality": lambda s, unions: engine(s, unions, 1.0, lambda n: min((n / 3 + 1) ** 3, 1e6)),
    "weighted": games_on_tree(lambda s: 1.0, lambda s, n: s.length * n / s.members + 1),
    "typed": or_flat(
        drawn(lambda s: s.width, lambda s: s.length, lambda s: 1),
        games_on_tree(lambda s: 1.0, lambda s, n: max(s.length * (n / s.members) ** s.width, 1.0)),
    ),
    "geometric": games_on_tree(lambda s: s.members, one_size, 96.0),
}
