"""What the functions of the thresholds form cost."""

from __future__ import annotations

from shapley_kernels.costs import Flat, OnTree, flows, sorting

FLAT: dict[str, Flat] = {
    "airport": Flat(sorting),
    "facility": Flat(lambda s: s.width * sorting(s), beside=lambda s: 48.0 * s.members * s.width),
}

ON_TREE: dict[str, OnTree] = {
    "airport": lambda s, unions: flows(s, unions, s.members, (1 << 24) / s.members),
    "facility": lambda s, unions: flows(s, unions, s.members * s.width, (1 << 24) / s.members),
}
