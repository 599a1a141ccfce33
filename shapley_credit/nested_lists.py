"""Unions written as lists within lists."""

from __future__ import annotations

from typing import Any

import numpy as np

from shapley_credit.errors import InputError

# The most levels of a tree: the time of walks down a tree grows with the square of their number.
MAX_LEVELS = 1000


def too_deep(what: str) -> str:
    """What to do about a tree of too many levels."""
    return f"{what}; at most {MAX_LEVELS:,} are solved. Leave out levels that tell few members apart, for example the finest."


def paths_of(nested: Any) -> dict[Any, tuple[tuple[int, ...], int]]:
    """For every member of nested lists, an index or a name, the numbers of the unions that hold it, and a number of its own."""
    paths: dict[Any, tuple[tuple[int, ...], int]] = {}
    path: list[int] = []
    waiting, number = [iter(nested)], 0
    if not len(nested):
        raise InputError("a union of the coalition tree is empty; leave it out.")
    while waiting:
        part: Any = next(waiting[-1], waiting)
        number += 1
        if part is waiting:  # the end of a union, which nothing in the caller's lists can be taken for
            waiting.pop()
            del path[-1:]
        elif isinstance(part, int | np.integer | str) and not isinstance(part, bool):
            member = str(part) if isinstance(part, str) else int(part)
            if member in paths:
                raise InputError(
                    f"member {member!r} stands twice in the coalition tree; unions must not overlap. If these are labels, one "
                    "a member, pass CoalitionTree.from_labels(labels)."
                )
            paths[member] = tuple(path), number
        elif not is_sequence(part):
            raise InputError(f"a coalition tree is made of member indices and sequences of them; got {part!r}.")
        elif not len(part):
            raise InputError("a union of the coalition tree is empty; leave it out.")
        else:
            if len(path) == MAX_LEVELS:
                raise InputError(too_deep("the unions of the coalition tree are too many within one another"))
            waiting.append(iter(part))
            path.append(number)
    return paths


def is_sequence(part: Any) -> bool:
    """Whether it may be a union."""
    return isinstance(part, list | tuple | range) or (isinstance(part, np.ndarray) and part.ndim > 0)
