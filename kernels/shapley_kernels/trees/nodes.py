"""Coalition trees and their shapes, which may be deep: whole ones are compared, ordered and hashed as rows of numbers."""

from __future__ import annotations

from itertools import chain


class Node:
    """A node of a coalition tree: its depth, its members, and its children, none for a member. Equal trees are equal nodes."""

    __slots__ = ("_key", "children", "depth", "members")

    def __init__(self, depth: int, members: tuple[int, ...], children: tuple[Node, ...] = ()) -> None:
        self.depth, self.members, self.children = depth, members, children
        self._key: tuple[int, ...] = ()

    def key(self) -> tuple[int, ...]:
        """The whole tree as numbers, two a node, so that a deep one is compared and hashed in one loop."""
        waiting = [] if self._key else [self]
        numbers: list[int] = []
        while waiting:
            node = waiting.pop()
            # ~member is negative, so that it is never taken for a number of children.
            numbers += (node.depth, len(node.children) or ~node.members[0])
            waiting += node.children
        self._key = self._key or tuple(numbers)
        return self._key

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Node) and self.key() == other.key())

    def __hash__(self) -> int:
        return hash(self.key())


class Shape:
    """A tree without the names of its members. Its halves, and halves of halves, are alike where the order of children allows.

    Shapes are equal and ordered as their sizes and depths are, node after node from the root on.
    """

    __slots__ = ("_hash", "children", "depth", "key", "size")

    def __init__(self, size: int, depth: int = 0, children: tuple[Shape, ...] = ()) -> None:
        self.size, self.depth, self.children = size, depth, children
        self.key: tuple[int, ...] = (size, depth, *chain.from_iterable(child.key for child in children))
        self._hash = hash(self.key)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Shape) and self.key == other.key)

    def __lt__(self, other: Shape) -> bool:
        return self.key < other.key

    def __hash__(self) -> int:
        return self._hash
