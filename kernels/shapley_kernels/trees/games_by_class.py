"""Games of the classes within groups: one game a class, and their credits added up by group."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.arrays import beside, namespace

Array = Any


def class_members(labels: Array, present: Array) -> tuple[NDArray[Any], Array]:
    """The classes of every group, by their first members: group [N], members bool [N, K]. labels, present [B, K].

    On a device the number of classes is not read: every member has one, empty unless it is the first of its class.
    """
    xp = namespace(labels)
    groups, members = labels.shape
    same = (labels[:, :, None] == labels[:, None, :]) & present[:, :, None] & present[:, None, :]
    if isinstance(labels, np.ndarray):
        first = present & (same.argmax(axis=2) == np.arange(members))
        return np.nonzero(first)[0], same[first]
    first = xp.argmax(xp.astype(same, xp.int8), axis=2) == beside(np.arange(members), labels)
    return np.repeat(np.arange(groups), members), xp.reshape(same & first[:, :, None], (groups * members, members))


def of_games(array: Array, group: NDArray[Any]) -> Array:
    """The rows [B or 1, ..] of the groups of games [N], as `class_members` gives them; one row is that of all games."""
    if array.shape[0] == 1:
        return array
    if isinstance(array, np.ndarray):
        return array[group]
    return namespace(array).repeat(array, len(group) // max(array.shape[0], 1), axis=0)


def by_group(shares: Array, group: NDArray[Any], groups: int) -> Array:
    """The credits [N, K] of games added up by their groups [N] -> [B, K]; on a device all groups have equally many games."""
    if isinstance(shares, np.ndarray):
        credit = np.zeros((groups, shares.shape[1]))
        np.add.at(credit, group, shares)
        return credit
    xp = namespace(shares)
    return xp.sum(xp.reshape(shares, (groups, len(group) // max(groups, 1), shares.shape[1])), axis=1)
