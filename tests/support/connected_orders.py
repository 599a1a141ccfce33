"""Orders in which a set grows on a line as one interval."""

from __future__ import annotations

from functools import cache
from itertools import permutations


def is_interval(members: tuple[int, ...]) -> bool:
    return max(members) - min(members) == len(members) - 1


@cache
def growing(k: int) -> list[tuple[int, ...]]:
    orders = [o for o in permutations(range(k)) if all(is_interval(o[: size + 1]) for size in range(k))]
    assert len(orders) == 2 ** (k - 1)
    return orders
