"""Any game on a coalition tree, one coalition after the other: those that a member can find when it arrives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import comb

import numpy as np

from shapley_kernels.arrays import beside, namespace
from shapley_kernels.trees.nodes import Node
from shapley_kernels.trees.shapes import Array, Mix

NOBODY = np.zeros(1, np.int64)  # the bit mask of no member


def coalitions(root: Node, mixes: Sequence[Mix], array: Array = NOBODY) -> Iterator[tuple[int, Array, Array]]:
    """Each member with the bit masks [C] of its possible predecessors and their probabilities [C], beside an array.

    Only coalitions with at most one partial child along a path to the root occur: 2 + N(root) of them in all, with N(leaf) = 0
    and N(a) = 2^c - 2 + 2^(c-1) sum over children of N. Those of probability 0 are left out on the host.
    """
    xp = namespace(array)

    def below(node: Node, codes: Array, chances: Array) -> Iterator[tuple[Node, Array, Array]]:
        blocks = [sum(1 << i for i in child.members) for child in node.children]
        others = len(blocks) - 1
        each = mixes[node.depth](len(blocks)) / [float(comb(others, s)) for s in range(len(blocks))]
        for place, child in enumerate(node.children):
            # All unions of the other children as bit masks, by doubling, and how many children each has.
            union = size = beside(NOBODY, array)
            for block in blocks[:place] + blocks[place + 1 :]:
                union, size = xp.concat([union, union + block]), xp.concat([size, size + 1])
            if isinstance(array, np.ndarray):
                kept = (each != 0)[size]
                union, size = union[kept], size[kept]
            joint = xp.reshape(codes[:, None] | union[None, :], (-1,))
            yield child, joint, xp.reshape(chances[:, None] * xp.take(beside(each, array), size), (-1,))

    waiting = [iter([(root, beside(NOBODY, array), beside(np.ones(1), array))])]
    while waiting:
        node, codes, chances = next(waiting[-1], (None, NOBODY, NOBODY))
        if node is None:
            waiting.pop()
        elif node.children:
            waiting.append(below(node, codes, chances))
        else:
            yield node.members[0], codes, chances
