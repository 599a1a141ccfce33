"""Utilities of how many members of each type there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, cached_property
from math import prod
from typing import Any, ClassVar, Self

import numpy as np

from shapley_credit.convert import Array, to_numpy
from shapley_credit.errors import InputError
from shapley_credit.inputs.fields import Field, Parameter, index, read_parameter, real
from shapley_credit.inputs.problems import Problem
from shapley_credit.utilities.by_function import ByFunction
from shapley_credit.utility import Utility
from shapley_kernels.arrays import namespace


class Typed(ByFunction, Utility):
    """Any function of the numbers of members of each type, v(S) = table[n_0, .., n_{T-1}], n_t those of type t in S.

    Shapley: the mean over the draws of every size (multivariate hypergeometric) of what one more of i's type adds.
    types: [..., k], integers 0 .. T-1; table: the values of v, an array of T axes that all groups share, axis t for 0,
    1, .. members of type t, at least as many as there are; or [..., L], row-major, L the product of the lengths; lengths: those
    of the T axes, needed for the second only; mask: [..., k]. Cost O(T (L + k^2)).
    Raises InputError for types beyond T, more than 30 types and values that are not finite, and, when credits are asked for,
    for more members of a type than the table counts.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.Typed([0, 1, 1], [[0.0, 1.0, 3.0], [2.0, 4.0, 9.0]]))
    array([3.66666667, 2.66666667, 2.66666667])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {
        "types": index("k"),
        "table": real("L"),
        "lengths": Parameter(several=True),
    }
    _light: ClassVar[int] = 0  # the table may be large for few members
    _made: ClassVar[tuple[str, ...]] = ("lengths", "table")
    types: Array
    kinds: int

    def __init__(self, types: Any, table: Any, lengths: Sequence[int] | None = None, *, mask: Any = None) -> None:
        if lengths is None:
            whole = table if hasattr(table, "reshape") else to_numpy(table, "table")[0]
            lengths, table = tuple(whole.shape), whole.reshape(-1)
        self.bind(mask, lengths=lengths, types=types, table=table)
        self.kinds = len(self.lengths)
        _check_kinds(self.kinds)
        if self.table.shape[-1] != prod(self.lengths):
            raise InputError(f"table must be [..., {prod(self.lengths)}] for lengths {self.lengths}; got {self.table.shape}.")
        self._check_types()

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """How far the axes of the table reach: for a function of the counts, as far as the members of a group do."""
        lengths = tuple(most + 1 for most in self._most())
        if prod(lengths) > MAX_CELLS:
            raise InputError(f"function has {prod(lengths):,} vectors of counts; {MAX_CELLS:,} is the most. Merge rare types.")
        return lengths

    @cached_property
    def table(self) -> Array:
        """The values of v [..., L]; asked for when they are needed if v was given by a function of the counts."""
        values = [self._function(*counts) for counts in np.ndindex(*self.lengths)]
        return Typed([0], values, self.lengths).table  # which checks them

    def _most(self) -> list[int]:
        """The most members of each type in a group."""
        types = self.types if self.mask is None else np.where(self.mask, self.types, -1)
        return [int((types == kind).sum(axis=-1).max(initial=0)) for kind in range(self.kinds)]

    def _check_types(self) -> None:
        types = self.types
        if isinstance(types, np.ndarray) and types.size and not 0 <= types.min() <= types.max() < self.kinds:
            found = f"{types.min()} .. {types.max()}"
            raise InputError(f"types must be in 0 .. {self.kinds - 1}, as the table has {self.kinds} axes; found {found}.")

    def _check_counts(self) -> None:
        """Raise InputError for more members of a type than the table counts; of flat data only a group has members."""
        for kind, (most, length) in enumerate(zip(self._most(), self.lengths, strict=True)):
            if most >= length:
                raise InputError(f"{most} members are of type {kind}, but axis {kind} of the table counts to {length - 1}.")

    @classmethod
    def of_counts(cls, types: Any, function: Callable[..., float], kinds: int | None = None, *, mask: Any = None) -> Self:
        """A function of the counts, v(S) = function(n_0, .., n_{T-1}), asked for once for every vector of counts.

        Shapley: as for the table. types: [..., k], integers 0 .. T-1; function: of T whole numbers, the same for all groups;
        kinds: the number of types T, by default as many as occur; mask: [..., k]. Cost O(T (L + k^2)), L = prod (n_t + 1).
        Raises InputError for types that are not integers in 0 .. T-1 and T above 30, and, when the function is asked, for more
        than 2^26 vectors of counts and for what is no finite number.

        >>> import shapley_credit as sc
        >>> from shapley_credit import utilities as u
        >>> sc.set_shapley(u.Typed.of_counts([0, 1, 1], lambda right, wrong: float(right > wrong)))
        array([ 0.33333333, -0.16666667, -0.16666667])
        """
        given, _ = to_numpy(types, "types")
        if given.dtype.kind not in "biu":
            raise InputError(f"types must be integers 0 .. T-1; got an array of {given.dtype}.")
        if mask is not None:
            given = np.where(to_numpy(mask, "mask")[0], given, np.zeros((), given.dtype))  # absent members add no type
        kinds = read_parameter(kinds, Parameter(optional=True), "kinds") or max(int(given.max(initial=0)) + 1, 1)
        _check_kinds(kinds)
        self = cls.__new__(cls)
        self.bind(mask, types=types)
        self.kinds, self.dtype, self._function = kinds, np.dtype(np.float64), cache(function)
        self._check_types()
        return self

    def definition(self, members: Array) -> float:
        counts = np.bincount(self.types[members], minlength=self.kinds)
        if (counts >= self.lengths).any():
            self._check_counts()
        return float(self.table.reshape(self.lengths)[tuple(counts)])

    def reduce(self) -> Sequence[Problem]:
        on_host = isinstance(self.types, np.ndarray)
        if on_host:
            self._check_counts()
        types, present, table = self.rows("types", full=True), self.present(), self.rows("table")
        if not on_host:
            table = self._where_counted(types, present, table)
        return [Problem("counts", "typed", (types, present, table, self.lengths))]

    def _where_counted(self, types: Array, present: Array, table: Array) -> Array:
        """The table, NaN for groups with types or counts beyond it: on a device none can be refused."""
        xp = namespace(types)
        of_type = (types[:, :, None] == self.beside(np.arange(len(self.lengths)))) & present[:, :, None]
        known = xp.all(xp.any(of_type, axis=2) | ~present, axis=1)
        counted = xp.all(xp.count_nonzero(of_type, axis=1) < self.beside(np.array(self.lengths)), axis=1)
        return xp.where((known & counted)[:, None], table, float("nan"))


# The most types, as arrays have 32 axes at most and groups need some, and the most entries of a table that is made here.
MAX_KINDS, MAX_CELLS = 30, 1 << 26


def _check_kinds(kinds: int) -> None:
    """Raise InputError for more types than a table can have axes."""
    if kinds > MAX_KINDS:
        raise InputError(
            f"the table has an axis for each of {kinds} types, and {MAX_KINDS} is the most; number them 0, 1, .., "
            "as numpy.unique(types, return_inverse=True) does, and merge rare ones."
        )
