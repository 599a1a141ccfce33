"""Which rows of flat data make a group: one sort of the ids, then the rows of all groups of one size at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shapley_credit.convert import to_host
from shapley_credit.inputs.ids import codes_of

Rows = NDArray[np.intp]

# Bits of a key that sorts by id first and by row second; its sign is not used.
_KEY_BITS = 63
# Sizes below this are sorted by counting.
_FEW = 1 << 16


class Partition(NamedTuple):
    """Rows 0 .. n - 1, group by group, those of a group in their order; where each group starts, and how many rows it has."""

    rows: Rows
    starts: Rows
    sizes: Rows

    def by_size(self) -> Iterator[Rows]:
        """For every size K that occurs, ascending, the rows of the G groups of that size, [G, K].

        Groups are never padded, so that neither the memory nor a bit of a credit depends on the sizes of other groups.
        """
        sizes = self.sizes
        order = np.argsort(sizes.astype(np.uint16) if sizes.max() < _FEW else sizes, kind="stable")
        ends = np.flatnonzero(np.diff(sizes[order], append=0)) + 1
        first = 0
        for end in ends.tolist():
            groups = order[first:end]
            yield self.rows[self.starts[groups][:, None] + np.arange(sizes[groups[0]])]
            first = end


def partition_of(groups: Any, n: int) -> Partition:
    """The groups of n rows, n >= 1, by ids of any kind.

    groups: as `advantages` takes them. Cost O(n log n). Raises InputError for ids that are missing, not n, or of a kind that
    can't be compared.
    """
    codes = _codes(groups, n)
    low, high, bits = int(codes.min()), int(codes.max()), (n - 1).bit_length()
    if (high - low).bit_length() + bits <= _KEY_BITS:
        rows = codes.astype(np.int64) - low << bits
        rows += np.arange(n)
        rows.sort()  # several times faster than a stable argsort
        other = (rows[1:] ^ rows[:-1]) >> bits != 0
        rows &= (1 << bits) - 1
    else:
        rows = np.argsort(codes, kind="stable")
        other = codes[rows[1:]] != codes[rows[:-1]]
    starts = np.flatnonzero(np.concatenate([[True], other]))
    return Partition(rows.astype(np.intp, copy=False), starts, np.diff(starts, append=n))


def _codes(groups: Any, n: int) -> NDArray[Any]:
    """Integers [n], equal within a group and there alone."""
    if isinstance(groups, np.ndarray) and groups.shape == (n,) and groups.dtype.kind in "iu":
        return groups
    codes: NDArray[Any] = to_host(codes_of(groups, np.empty(n))[0], "groups")
    return codes
