"""Games of counts and products on a coalition tree, by reduction to one child after the other.

    v(S) = (level + slope * sum_{i in S} x_i)[counts of S] * prod_{i in S} a_i prod_{i not in S} b_i,

level and slope tables over vectors of counts: what members inside add to them (steps) and members outside (falls). On the way
down the tree a node's game becomes that of each child b, g_b(X) = E[g(R + X)] over the siblings R that come first (fact F2),
which is of the same kind: a sibling that is there shifts the tables by its steps, one that is not by its falls. Siblings are
absorbed one after the other, from states G_s = q_s g on, s of r siblings there, until G_0 = g_b is left:

    G'_s = (r - s) / r * absent(G_s) + (s + 1) / r * present(G_{s+1}).

Each half of the children absorbs the other and then goes on among itself, so that states and tables shrink by halves: a node
of c children costs O(c^2) operations on a table, for any q. Siblings that are there independently, by a binomial q, need one
state only. Alike halves, and with them alike subtrees, are solved side by side. Nothing is subtracted that
the game itself does not subtract.

Sizes of tables follow the largest counts that can occur. On a device, whose counts are not read, they follow bounds of them,
and every game has the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from math import prod
from operator import add, mul
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.arrays import at_most, beside, chunks, counting, joined, namespace, placed
from shapley_kernels.trees.nodes import Node, Shape
from shapley_kernels.trees.shapes import Mix, arrange
from shapley_kernels.trees.walks import Walk, walked

Array = Any
Counts = NDArray[np.int64]

LEVEL = np.array([1.0, 0.0])[:, None, None]  # picks the level out of level and slope


class Members(NamedTuple):
    """What each member brings to N games; None for what changes nothing."""

    steps: Array  # int [T, K, N]: counts of those inside, >= 0
    falls: Array | None = None  # int [T, K, N]: counts of those outside, >= 0
    gains: Array | None = None  # x [K, N]
    inside: Array | None = None  # a [K, N]
    outside: Array | None = None  # b [K, N]
    delta: Array | None = None  # a - b [K, N], given apart so that small differences keep their digits
    largest: int = 1  # bound of the counts of one member, used on a device

    def take(self, members: Any, games: slice = slice(None)) -> Members:
        """Some members, in some games."""
        return Members._make([*(None if a is None else a[..., members, games] for a in self[:-1]), self.largest])

    def ordered(self, order: NDArray[Any]) -> Members:
        """The members in another order."""
        arrays = [None if a is None else namespace(a).take(a, beside(order, a), axis=-2) for a in self[:-1]]
        return Members._make([*arrays, self.largest])

    def beside(self, other: Members) -> Members:
        """The games of these members, then those of the others."""
        pairs = zip(self[:-1], other[:-1], strict=True)
        arrays = [None if a is None or b is None else joined([a, b], axis=-1) for a, b in pairs]
        return Members._make([*arrays, self.largest])

    def totals(self) -> Counts:
        """The largest counts, [T, N]; bounds of them [T, 1] on a device."""
        kinds, members, _ = self.steps.shape
        if not isinstance(self.steps, np.ndarray):
            return np.full((kinds, 1), members * self.largest)
        steps: Counts = self.steps.sum(axis=-2)
        return steps if self.falls is None else steps + self.falls.sum(axis=-2)


class Tables(NamedTuple):
    """Tables [.., N, L] over vectors of counts, row-major with strides [T, N or 1]; what lies beyond the largest is void."""

    values: Array
    strides: Counts

    def extent(self, totals: Counts) -> int:
        """How many entries these largest counts reach."""
        length: int = self.values.shape[-1]
        if not len(totals):
            return length
        return min(1 + int((totals * self.strides).sum(axis=0).max(initial=0)), length)

    def boxed(self, totals: Counts) -> Tables:
        """The same tables without what lies beyond these largest counts [T, N or 1]."""
        if len(totals) < 2:
            return Tables(self.values[..., : self.extent(totals)], self.strides)
        if not isinstance(self.values, np.ndarray):  # no bound is beyond the table itself
            ends = [(self.values.shape[-1] - 1) // self.strides[0], *(self.strides[:-1] // self.strides[1:] - 1)]
            totals = np.minimum(totals, ends)
        strides = np.ones_like(totals)
        strides[:-1] = np.cumprod((totals + 1)[:0:-1], axis=0)[::-1]
        if (strides == self.strides).all():
            return Tables(self.values[..., : self.extent(totals)], strides)
        length = int(((totals[0] + 1) * strides[0]).max(initial=1))
        # Where each entry of the new tables stands in the old ones: its digits in the new strides, times the old strides.
        place, rest = np.zeros((totals.shape[1], length), np.int64), np.arange(length)
        for old, new in zip(self.strides, strides, strict=True):
            digits, rest = np.divmod(rest, new[:, None])
            place += digits * old[:, None]
        return Tables(gather(self.values, beside(place, self.values)), strides)

    def at(self, counts: Array, length: int) -> Array:
        """The first entries after these counts [T, K, N] of members have been added, [.., N, length]."""
        if not counts.shape[0]:
            return self.values
        offsets = summed(summed(counts, axis=1) * beside(self.strides, counts), axis=0)
        if isinstance(offsets, np.ndarray):
            first = int(offsets[0]) if len(offsets) else 0
            if (offsets == first).all():
                return self.values[..., first : first + length]
        return gather(self.values, offsets[:, None] + counting(length, offsets))


def gather(values: Array, places: Array) -> Array:
    """values [.., N or 1, L] at places [N or 1, M] of each row -> [.., N, M]; places beyond the end are void."""
    *lead, rows, length = values.shape
    index = at_most(places, length - 1)
    if isinstance(values, np.ndarray):
        if rows > 1:
            index += length * np.arange(rows)[:, None]
        taken: Array = values.reshape(*lead, rows * length).take(index, axis=-1)
        return taken
    xp = namespace(values)
    if index.shape[0] == 1:
        return xp.take(values, index[0, :], axis=-1)
    wide = xp.broadcast_to(values, (*lead, index.shape[0], length))
    return xp.take_along_axis(wide, xp.broadcast_to(index, (*lead, *index.shape)), axis=-1)


def credits(level: Array, members: Members, root: Node, mixes: Sequence[Mix], slope: Array | None = None) -> Array:
    """Credits [N, K] of N games on a tree; level and slope [N or 1, *lattice], one axis for each of the T counts.

    O(sum over nodes of c^2 * cells) a game, in bounded memory.
    """
    shape, order = arrange(root)
    xp = namespace(level)
    members = members.ordered(order)
    lattice, games = level.shape[1:], members.steps.shape[-1]
    totals = members.totals()
    strides = np.array([prod(lattice[t + 1 :]) for t in range(len(lattice))], np.int64)[:, None]
    tables = xp.stack([xp.reshape(x, (x.shape[0], prod(lattice))) for x in (level, slope) if x is not None])
    reached = min(float((totals + 1.0).prod(axis=0).max(initial=1)), prod(lattice))  # in floats, that wrap nowhere
    cells = tables.shape[0] * int(reached) * _states(shape, mixes)
    parts = []
    for rows in chunks(games, cells + 4 * len(order), level):
        part = members.take(slice(None), rows)
        own = tables if tables.shape[1] == 1 else tables[:, rows, :]
        parts.append(walked(descend(shape, Tables(own, strides), part, mixes)))
    return placed(joined(parts, axis=1).T, order, axis=1)


def _states(shape: Shape, mixes: Sequence[Mix]) -> int:
    q = mixes[shape.depth](len(shape.children)) if shape.children else np.ones(1)
    return 1 if len(q) < 2 or chance_of(q) is not None else len(q)


def descend(shape: Shape, tables: Tables, members: Members, mixes: Sequence[Mix]) -> Walk:
    """Credits [members, N] below a node, whose reduced games have tables [C, N or 1, L]."""
    if not shape.children:
        return earned(tables, members)[None, ...]
    q = mixes[shape.depth](len(shape.children))
    chance = chance_of(q)
    values, strides = tables.boxed(members.totals())
    states = values[None, ...] if chance is not None else beside(q[:, None, None, None], values) * values
    return (yield share(shape.children, Tables(states, strides), members, mixes, chance))


def earned(tables: Tables, members: Members) -> Array:
    """What a single member adds to its own game, [N]: a (level' - level) + (a - b) level."""
    one = members.take(0)
    here = tables.at(members.steps, 1)[..., 0]
    away = (tables.values[:, :, :1] if members.falls is None else tables.at(members.falls, 1))[0, :, 0]
    credit: Array = (here[0, :] if one.gains is None else here[0, :] + one.gains * here[1, :]) - away
    if one.inside is not None:
        credit = one.inside * credit
    if one.delta is not None:
        credit = credit + one.delta * away
    return namespace(credit).broadcast_to(credit, members.steps.shape[2:])


def chance_of(q: NDArray[Any]) -> float | None:
    """The chance with which every sibling is there independently, if q is binomial."""
    # A binomial q has q_s s (1 - p) = q_(s-1) (others - s + 1) p for every s; the slack covers rounding.
    s, others = np.arange(len(q)), len(q) - 1
    chance = float((s * q).sum() / others)
    up, down = q[1:] * s[1:] * (1 - chance), q[:-1] * (others - s[:-1]) * chance
    slack = 8 * np.finfo(np.float64).eps * (np.abs(up) + np.abs(down)) + np.finfo(np.float64).tiny
    return chance if (np.abs(up - down) <= slack).all() else None


def share(children: tuple[Shape, ...], states: Tables, members: Members, mixes: Sequence[Mix], chance: float | None) -> Walk:
    """Credits [members, N] of children whose siblings elsewhere have been absorbed; states [S, C, N or 1, L]."""
    if len(children) == 1:
        return (yield descend(children[0], Tables(states.values[0, ...], states.strides), members, mixes))
    half = (len(children) + 1) // 2
    left, right = children[:half], children[half:]
    cut = sum(child.size for child in left)
    one, two = members.take(slice(cut)), members.take(slice(cut, None))
    if left != right:
        first = yield among(left, right, states, one, two, mixes, chance)
        return joined([first, (yield among(right, left, states, two, one, mixes, chance))])
    doubled = Tables(_twice(states.values, axis=2), _twice(states.strides, axis=1))
    both = yield among(left, right, doubled, one.beside(two), two.beside(one), mixes, chance)
    games = both.shape[1] // 2
    return joined([both[:, :games], both[:, games:]])


def _twice(array: Array, axis: int) -> Array:
    """The array once for each half; one that all games share is not copied."""
    return array if array.shape[axis] == 1 else joined([array, array], axis=axis)


def among(
    kept: tuple[Shape, ...],
    gone: tuple[Shape, ...],
    states: Tables,
    members: Members,
    others: Members,
    mixes: Sequence[Mix],
    chance: float | None,
) -> Walk:
    """Credits of the members of the kept children, after the others have been absorbed."""
    own = members.totals()
    totals = own + others.totals()
    states, at = states.boxed(totals), 0
    for child in gone:
        block = others.take(slice(at, at + child.size))
        totals = totals - block.totals()
        states = absorbed(states, block, states.extent(totals), chance)
        at += child.size
    return (yield share(kept, states.boxed(own), members, mixes, chance))


def absorbed(states: Tables, block: Members, length: int, chance: float | None) -> Tables:
    """The tables, of this length, after one more sibling has come first or not."""
    # r of the formula above. Independent siblings have one state, which needs no r.
    open_ = states.values.shape[0] - 1
    lower, upper = states, states
    if chance is None:
        lower, upper = states._replace(values=states.values[:-1, ...]), states._replace(values=states.values[1:, ...])
    away = lower.values[..., :length] if block.falls is None else lower.at(block.falls, length)
    here = upper.at(block.steps, length)
    if block.gains is not None:
        here = here + reduce(add, _rows(block.gains))[:, None] * here[:, 1:, ...] * beside(LEVEL, here)
    if block.inside is not None:
        here = here * reduce(mul, _rows(block.inside))[:, None]
    if block.outside is not None:
        away = away * reduce(mul, _rows(block.outside))[:, None]
    if chance is not None:
        return states._replace(values=away * (1 - chance) + here * chance)
    s = namespace(here).astype(counting(open_, here), here.dtype)[:, None, None, None]
    return states._replace(values=away * ((open_ - s) / open_) + here * ((s + 1) / open_))


def _rows(array: Array) -> Iterator[Array]:
    """The rows [N] of the members of a block, to be combined one by one, so that the order does not depend on N."""
    return (array[i, :] for i in range(array.shape[0]))


def summed(array: Array, axis: int) -> Array:
    """Sums of counts."""
    return array.sum(axis=axis) if isinstance(array, np.ndarray) else namespace(array).sum(array, axis=axis)
