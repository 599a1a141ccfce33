"""Values over connected orders: one group after the other on the host, all groups at once on a device.

On a device `definition` is not called. If the members outside S are absent, Shapley values add up to v(S) - v(empty), so
the intervals become more groups of the same utility. Where v(S) depends on the members outside S, the family says the
difference itself (`Utility.rises`).
"""

from __future__ import annotations

import copy
from math import prod

import numpy as np

from shapley_credit.convert import Array
from shapley_credit.inputs.checks import is_finite
from shapley_credit.inputs.fields import Field
from shapley_credit.inputs.pricing import Cost, refuse_dear
from shapley_credit.solve.terms import combined, flat_credits
from shapley_credit.utility import Utility
from shapley_kernels.arrays import at_least, beside, chunks, namespace
from shapley_kernels.intervals import connected

# About how many numbers a family holds for one interval, as a multiple of k^2.
CELLS = 512
# Operations in the time that it takes to call a definition.
PYTHON = 5000


def line_term(term: Utility) -> Array:
    """Credits [..., k] over connected orders of one family."""
    if not isinstance(term.anchor, np.ndarray):
        return _on_device(term)
    term.check_deferred()
    pairs = term.k * (term.k + 1) / 2
    called = (term.k + PYTHON) if type(term).intervals is Utility.intervals else 1
    refuse_dear(Cost(prod(term.shape) * pairs * called, 32.0 * pairs), term)
    credit = np.zeros((*term.shape, term.k))
    for index in np.ndindex(term.shape):
        one = (term[index] if term.shape else term).lowered()
        line = np.arange(term.k) if one.mask is None else np.flatnonzero(one.mask)
        if len(line):
            credit[index][line] = connected(one.intervals(line), np.asarray(one.definition(line[:0])))
    if is_finite(credit):
        return credit
    if term.dtype is None or term.dtype == np.float64:
        term.refuse()
    known = np.isfinite(credit).all(axis=-1, keepdims=True)
    return np.where(known, credit, line_term(term.widened()))


def _on_device(term: Utility) -> Array:
    """As `line_term`, on a device. Only present members have a place on the line, from 0 on: place [B or 1, K]."""
    present = term.present()
    xp, k = namespace(present), term.k
    place = xp.cumulative_sum(xp.astype(present, xp.int64), axis=1) - 1
    first, last = (beside(end, present)[None, :, None] for end in np.triu_indices(k))
    sets = present[:, None, :] & (place[:, None, :] >= first) & (place[:, None, :] <= last)  # [B or 1, I, K]
    rises = term.rises(sets)
    if rises is None:
        rises = _rises_by_absence(term, sets)
    index = np.zeros((k, k), np.int64)
    index[np.triu_indices(k)] = np.arange(sets.shape[1])
    values = xp.reshape(xp.take(rises, beside(index.ravel(), rises), axis=1), (rises.shape[0], k, k))
    size = None if term.mask is None else xp.count_nonzero(present, axis=1)
    shares = connected(values, xp.zeros_like(values[:, 0, 0]), size)
    wide = xp.broadcast_to(at_least(place, 0), shares.shape)
    credit = xp.where(present, xp.take_along_axis(shares, wide, axis=1), 0)
    return xp.reshape(credit, (*term.shape, k))


def _rises_by_absence(utility: Utility, sets: Array) -> Array:
    """v(S) - v(empty) [B, I] of sets [B or 1, I, K] of present members, as sums of Shapley values with all others absent."""
    xp = namespace(sets)
    groups, k = prod(utility.shape), utility.k
    parts = []
    for some in chunks(sets.shape[1], max(groups, 1) * k**2 * CELLS, sets):
        mask = sets[:, some, :]
        lead = utility.shape if mask.shape[0] == groups else (1,) * len(utility.shape)
        credit = flat_credits(_among(utility, xp.reshape(mask, (*lead, *mask.shape[1:]))))
        credit = xp.reshape(xp.astype(credit, xp.float64), (groups, mask.shape[1], k))
        parts.append(xp.sum(credit, axis=2))
    return xp.concat(parts, axis=1)


def _among(utility: Utility, mask: Array) -> Utility:
    """The utility with one more axis of groups, I, behind the others; `mask` [..., I, k] says which members are present."""
    wider, given = copy.copy(utility), {}
    for name, spec in utility.fields.items():
        value = getattr(utility, name)
        if isinstance(spec, Field) and value is not None:
            cut = value.ndim - len(spec.axes)
            given[name] = namespace(value).expand_dims(value, axis=cut) if cut else value
        else:
            given[name] = value
    wider.bind(mask, **given)
    return wider


def line_credits(game: Utility) -> Array:
    """Values [..., k] over the orders in which the present members, on a line, form an interval at every moment."""
    return combined(game, game.shape, line_term)
