"""Walks down a tree whose depth is a matter of memory and not of the stack."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

# A function that yields the walks it waits for, gets what they return, and returns something itself.
Walk = Generator[Any, Any, Any]


def walked(walk: Walk) -> Any:
    """What a walk returns: `inner = yield walk(child)` in place of the recursion `inner = walk(child)`."""
    waiting, found = [walk], None
    while waiting:
        try:
            waiting.append(waiting[-1].send(found))
            found = None
        except StopIteration as end:
            waiting.pop()
            found = end.value
    return found
