"""A-priori structures: which members belong together before any coalition forms."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Self

import numpy as np

from shapley_credit.convert import Array, to_numpy
from shapley_credit.errors import InputError
from shapley_credit.inputs.union_labels import union_codes
from shapley_credit.inputs.union_names import named_levels, names_of_labels, names_of_union
from shapley_credit.member_names import numbered, read_names, span_texts
from shapley_credit.nested_lists import MAX_LEVELS, is_sequence, paths_of, too_deep
from shapley_credit.printable import printable
from shapley_kernels.trees.shapes import tree_of

# A tree holds a node of about a hundred bytes for each of its members.
MAX_MEMBERS = 1 << 24


class CoalitionTree:
    """Members in unions, unions in larger unions: a partition (Owen 1977) or a levels structure (Winter 1989).

    The tree is kept as label arrays, coarse to fine: members that share the first l labels share an ancestor on level l. A node
    with a single child changes no value, so trees of uneven depth are padded with such nodes.

    Attributes:
        labels: int [..., levels, k]; leading axes are groups, each with a tree of its own.
        k: number of members.
        depth: number of edges from the root to a member, levels + 1; 1 is the flat tree.
        names: of the k members, None where they have none; tables and plots of credits show them.
        union_names: by level what the labels 0, 1, .. are called, None where they are no texts; () without any.

    Two trees are equal, and have the same hash, if their labels are equal, whatever the names. Raises InputError for more than
    1,000 levels, and for names that are not k strings.

    >>> from shapley_credit import CoalitionTree
    >>> tree = CoalitionTree.from_nested([[0, 1], [2, [3, 4]]])
    >>> print(tree)
    k = 5, depth 3
    +- 0 1
    +- 2 3 4
       +- 2
       +- 3 4
    >>> tree.budget()
    20
    """

    def __init__(self, labels: Array, names: Sequence[str] | None = None) -> None:
        if labels.shape[-2] > MAX_LEVELS:
            raise InputError(too_deep(f"the coalition tree has {labels.shape[-2]:,} levels"))
        self.labels = labels.view()
        self.labels.flags.writeable = False  # another label would be another hash
        self.k = labels.shape[-1]
        self.depth = labels.shape[-2] + 1
        self.names = None if names is None else read_names(names, self.k)
        self.union_names: tuple[tuple[str, ...] | None, ...] = ()

    @classmethod
    def flat(cls, k: int) -> Self:
        """The tree without unions, on which every value is that of the members alone."""
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
            raise InputError(f"k must be a whole number of members >= 1; got {k!r}.")
        if k > MAX_MEMBERS:
            raise InputError(f"a coalition tree has at most {MAX_MEMBERS:,} members; got {k if k < 10**18 else 'more'}.")
        return cls(np.zeros((0, k), np.int64))

    @classmethod
    def from_labels(cls, *labels: Any, names: Sequence[str] | None = None) -> Self:
        """A tree from labels [..., k] of any kind, one array or list a level, coarse to fine; one level is a partition.

        labels: one for each member; members with equal labels are together, on finer levels only within their coarser union.
            Integers stay as they are; all others are numbered 0, 1, .. in the order of their first appearance. Texts are the
            names of the unions. Cost O(k).
        names: [k] strings, of the members, in the order of the data.
        Raises InputError for no labels, missing ones, lists of different lengths, different shapes, and other names.

        >>> from shapley_credit import CoalitionTree
        >>> print(CoalitionTree.from_labels(["intro", "body", "intro"], names=["ann", "bob", "cyd"]))
        k = 3, depth 2
        +- intro: ann, cyd
        +- body: bob
        """
        arrays = [union_codes(level) for level in labels]
        if not arrays or len({array.shape[-1] for array in arrays}) > 1:
            raise InputError(f"all levels must label the same members; got shapes {[array.shape for array in arrays]}.")
        try:
            stacked = np.stack(np.broadcast_arrays(*arrays), axis=-2)
        except ValueError as error:
            raise InputError(f"leading axes do not broadcast: {[array.shape for array in arrays]}.") from error
        tree = cls(stacked, names)
        tree.union_names = tuple(map(names_of_labels, labels))
        return tree

    @classmethod
    def from_nested(cls, nested: Any) -> Self:
        """A tree from nested lists of members: [[0, 1], [2, [3, 4]]]. Every member 0 .. k-1 stands exactly once.

        nested: indices, or names of the members, [["ann", "bob"], ["cyd"]], which are numbered from 0 as they come. For names
            in the order of the data take `from_labels`.
        Cost O(depth k log k). Raises InputError that names the member for missing, repeated and out-of-range ones, for indices
        beside names, and for unions more than 1,000 levels deep.

        >>> from shapley_credit import CoalitionTree
        >>> CoalitionTree.from_nested([[0, 2], [1]]).labels.tolist()
        [[0, 1, 0]]
        >>> CoalitionTree.from_nested([["ann", "bob"], ["cyd"]]).names
        ('ann', 'bob', 'cyd')
        """
        if not is_sequence(nested):
            raise InputError(f"a coalition tree is made of nested sequences of members; got {nested!r}.")
        paths, names = numbered(paths_of(nested))
        k = len(paths)
        for member in sorted(set(range(k)) ^ set(paths)):
            problem = "is missing from" if 0 <= member < k else "is out of range in"
            raise InputError(f"member {member} {problem} the coalition tree, which holds {k} members; they are 0 .. {k - 1}.")
        levels = max(len(path) for path, _ in paths.values())
        labels = np.zeros((levels, k), np.int64)
        for member, (path, own) in paths.items():
            labels[:, member] = [*path, *[own] * (levels - len(path))]
        for level in labels:  # unions are numbered in the order of their first members: equal trees, equal labels
            _, first, which = np.unique(level, return_index=True, return_inverse=True)
            level[:] = np.argsort(np.argsort(first))[which]
        return cls(labels, names)

    @classmethod
    def from_spans(
        cls, members: Sequence[tuple[int, int]], *unions: Sequence[tuple[int, int]], text: str | None = None
    ) -> Self:
        """A tree of text spans: members, for example phrases, within one sequence of spans a level, coarse to fine.

        members, unions: half-open spans (start, end) of character offsets; those of one sequence must not overlap, and every
        member must lie within one span of every level. Cost O(k spans).
        text: what the offsets count; each member is then called by the text of its span.
        Raises InputError that names the span for empty, overlapping and uncovered ones, and for one that ends behind the text.

        >>> from shapley_credit import CoalitionTree
        >>> CoalitionTree.from_spans([(0, 3), (4, 9), (10, 12)], [(0, 9), (10, 12)]).labels.tolist()
        [[0, 0, 1]]
        """
        for name, spans in (("members", members), *((f"unions of level {i + 1}", level) for i, level in enumerate(unions))):
            _check_spans(spans, name)
        levels = []
        for number, spans in enumerate(unions, start=1):
            level = []
            for place, (start, end) in enumerate(members):
                inside = [label for label, (low, high) in enumerate(spans) if low <= start and end <= high]
                if not inside:
                    raise InputError(f"member {place}, span ({start}, {end}), lies within no union of level {number}.")
                level.append(inside[0])
            levels.append(level)
        names = None if text is None else span_texts(members, text)
        return cls(np.array(levels, np.int64).reshape(len(levels), len(members)), names)

    def budget(self) -> int | Array:
        """Number of coalitions that an exact value must evaluate, the empty and the whole one included.

        2 + N(root), N(member) = 0, N(a) = 2^c - 2 + 2^(c-1) sum over the c children of N. An array [...] for batched trees.
        Cost O(k depth).

        >>> from shapley_credit import CoalitionTree
        >>> CoalitionTree.from_labels([i // 4 for i in range(24)]).budget()
        2752
        """
        lead = self.labels.shape[:-2]
        counts = [2 + _partial(tree_of(self.labels[index])) for index in np.ndindex(lead)]
        return np.array(counts, object).reshape(lead) if lead else counts[0]

    def __eq__(self, other: object) -> bool:
        return np.array_equal(self.labels, other.labels) if isinstance(other, CoalitionTree) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.labels.shape, self.labels.astype(np.int64).tobytes()))

    def __str__(self) -> str:
        if self.labels.ndim > 2:
            return repr(self)
        names = None if self.names is None else [printable(name) for name in self.names]
        levels = named_levels(self.labels, self.union_names)
        lines = [f"k = {self.k}, depth {self.depth}"]
        waiting = [(child, "") for child in reversed(tree_of(self.labels).children)]
        while waiting:
            node, indent = waiting.pop()
            told = " ".join(map(str, node.members)) if names is None else ", ".join(names[i] for i in node.members)
            unions = map(printable, names_of_union(levels, node.members))
            lines.append(f"{indent}+- {': '.join(dict.fromkeys([*unions, told]))}")
            if any(child.children for child in node.children):
                waiting += [(child, indent + "   ") for child in reversed(node.children)]
        return "\n".join(lines)

    def __repr__(self) -> str:
        shape = self.labels.shape[:-2]
        return f"CoalitionTree(k={self.k}, depth={self.depth}{f', groups={shape}' if shape else ''})"


def _partial(root: Any) -> int:
    """Coalitions inside a node: N(a) = 2^c - 2 + 2^(c-1) sum of N over its c children, that is, 2^c - 2 times 2^(c-1) for
    every node above.
    """
    total, waiting = 0, [(root, 0)]  # a loop: a tree may be deeper than Python's recursion limit
    while waiting:
        node, shift = waiting.pop()
        c = len(node.children)
        if c:
            total += ((1 << c) - 2) << shift
            waiting += [(child, shift + c - 1) for child in node.children if child.children]
    return total


def _check_spans(spans: Sequence[tuple[int, int]], name: str) -> None:
    if not len(spans):
        raise InputError(f"{name} hold no span.")
    for span in spans:
        if len(span) != 2:
            raise InputError(f"{name}: a span is a pair (start, end); got {span!r}.")
        if not span[0] < span[1]:
            raise InputError(f"{name}: span ({span[0]}, {span[1]}) is empty.")
    ordered = sorted(spans)
    for (low, high), (start, end) in pairwise(ordered):
        if start < high:
            raise InputError(f"{name}: spans ({low}, {high}) and ({start}, {end}) overlap.")


def read_tree(coalitions: Any) -> CoalitionTree:
    """The tree that a caller means: a CoalitionTree itself, nested lists of members, or labels.

    Labels are an array, a column, or a list of strings some of which are equal: as names of members they would be refused.
    """
    if isinstance(coalitions, CoalitionTree):
        return coalitions
    named = isinstance(coalitions, list | tuple) and all(isinstance(part, str) for part in coalitions)
    if isinstance(coalitions, list | tuple) and not (named and len({*coalitions}) < len(coalitions)):
        return CoalitionTree.from_nested(coalitions)
    return CoalitionTree.from_labels(coalitions)


def member_indices(coalition: Sequence[int] | Array, k: int) -> Array:
    """The members of a coalition, given by their indices or by flags [k], ascending."""
    chosen = to_numpy(coalition, "a coalition")[0]
    chosen = chosen.astype(np.int64) if chosen.shape == (0,) else chosen  # NumPy reads an empty list as floats
    if chosen.dtype == np.bool_ and chosen.shape == (k,):
        return np.flatnonzero(chosen)
    if chosen.ndim != 1 or chosen.dtype.kind not in "iu" or (chosen.size and not 0 <= chosen.min() <= chosen.max() < k):
        raise InputError(
            f"a coalition is a sequence of members in 0 .. {k - 1} or a bool array of shape ({k},); got {coalition!r}."
        )
    return np.unique(chosen)
