"""What every utility is: a definition, and a reduction to problems that have kernels."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from math import prod
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from shapley_credit.coalitions import member_indices
from shapley_credit.convert import Array, Library, from_numpy, summary
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import is_finite
from shapley_credit.inputs.declared import Declared
from shapley_credit.inputs.fields import Field
from shapley_credit.inputs.pricing import Priced
from shapley_credit.inputs.problems import Problem
from shapley_credit.torch_compile import BetweenGraphs
from shapley_kernels.arrays import beside, everybody, laid_out, namespace
from shapley_kernels.member_axes import Orders


class Utility(Declared, BetweenGraphs, Priced):
    """A set function v on k members, for one group or for many groups along leading axes.

    A family declares its arrays and parameters in `fields`, hands them to `bind` in `__init__`, and says two things:
    `definition`, the plain sentence of mathematics for one group, and `reduce`, the problems whose credits add up to its own.
    Without `reduce` credits take the values of all 2^k sets, for at most 16 members.

    Attributes:
        k: number of members of a group, absent ones included.
        shape: the leading axes, () for a single group.
        mask: None, or bool [..., k], False for absent members, which get exactly 0 and change no other credit.
        dtype: float32 or float64, that of the data and of the credits; None where no number was given (labels, flags): such a
            utility takes the dtype of the other terms of a sum, and alone gives float64. float16 and bfloat16 are computed and
            returned in float32, integers and Python numbers in float64.
        library: the array library and device that the credits return to, None for NumPy.
        by_table: whether the family has no `reduce`, and is credited by the values of all its sets.
        anchor: one of the arrays; whatever `reduce` makes goes beside it, in its library and on its device.
    """

    max_members: ClassVar[int | None] = None  # of a family that holds a value for every set
    _moved: ClassVar[str] = ""  # the name of the scores, if a number added to them and to base is added to every value

    k: int
    shape: tuple[int, ...]
    mask: Array | None
    dtype: np.dtype[Any] | None
    library: Library | None
    anchor: Array

    # Lets NumPy arrays and scalars leave `array * utility` to __rmul__.
    __array_ufunc__ = None

    def intervals(self, line: Array) -> Array:
        """v of line[a] .. line[b] of one group at [a, b] for a <= b, [n, n]; `line` are present members, ascending."""
        table = np.zeros((len(line), len(line)))
        for first, last in zip(*np.triu_indices(len(line)), strict=True):
            table[first, last] = self.definition(line[first : last + 1])
        return table

    def rises(self, sets: Array) -> Array | None:
        """v(S) - v(empty) [B, I] of sets [B or 1, I, K] of present members, with no value read from a device; None if it is
        the sum of the credits of the members of S when all others are absent."""
        return None

    def lowered(self) -> Self:
        """The game less a constant that its data may all have in common, so that differences of values keep their digits."""
        if not self._moved:
            return self
        lower, base = copy.copy(self), self.__dict__["base"]
        lower.__dict__ |= {self._moved: getattr(self, self._moved) - base[..., None], "base": base - base}
        return lower

    def marginals(self, orders: Orders) -> Array | None:
        """What each present member adds to those before it in orders [B or 1, K], by place [B, K], any number for absent ones;
        None if the kernels of role `order` are to solve the problems of `reduce` for it."""
        return None

    # What families use in `reduce`.

    def rows(self, name: str, *, full: bool = False) -> Array:
        """The array `name`, contiguous, its leading axes flattened to B groups, or to 1 (unless `full`) if all share it."""
        spec: Any = self.fields[name]
        return self.flatten(getattr(self, name), len(spec.axes), full=full)

    def less_base(self, name: str) -> Array:
        """The array `name` [B, K] less base; the array itself where base is known to be 0."""
        scores = self.rows(name, full=True)
        return scores if self.is_zero("base") else scores - self.rows("base")[:, None]

    def flatten(self, array: Array, trailing: int, *, full: bool = False) -> Array:
        """As `rows`, for an array of the given number of trailing axes."""
        own, shape = array.shape, self.shape
        cut = len(own) - trailing
        if not cut and not shape:
            return array[None] if type(array) is np.ndarray and array.flags.c_contiguous else laid_out(array, (1, *own))
        if own[:cut] != shape:
            if prod(own[:cut]) == 1 and (not full or prod(shape) == 1):
                shape = ()
            else:
                array = namespace(array).broadcast_to(array, (*shape, *own[cut:]))
        return laid_out(array, (prod(shape) if shape else 1, *own[cut:]))

    def is_zero(self, name: str) -> bool:
        """Whether the array `name` is known to hold nothing but 0; on a device nothing is known."""
        array = getattr(self, name)
        return isinstance(array, np.ndarray) and not np.count_nonzero(array)

    def beside(self, values: NDArray[Any]) -> Array:
        """The constant `values`, made with NumPy, in the library and on the device of the data."""
        return beside(values, self.anchor)

    def present(self) -> Array:
        """bool [B or 1, K]: which members are present."""
        if self.mask is None:
            return self.beside(everybody(self.k))
        return self.flatten(self.mask, 1)

    # What users see.

    def terms(self) -> Sequence[tuple[Array | float, Utility]]:
        """Coefficients and utilities that add up to this one; a family is its only term."""
        return [(1.0, self)]

    def value(self, coalition: Sequence[int] | Array) -> Any:
        """v(S) by its definition, in every group: for inspection and for tests, not for speed.

        coalition: member indices, or a bool array [k]. Returns shape [...], a float for a single group.
        Raises InputError for members that are not in 0 .. k-1, for values that overflow, and for data on a device, which it
        would have to wait for.

        >>> from shapley_credit import utilities as u
        >>> u.Max([1.0, 3.0, 2.0]).value((0, 2))
        2.0
        """
        if self.library is not None and self.library.device is not None:
            raise InputError(
                f"value is computed on the host, but the data are on device {self.library.device}; make the utility of arrays "
                "moved there first, with .cpu()."
            )
        with np.errstate(over="ignore", invalid="ignore"):  # overflow leaves values that are not finite, which are refused
            values = self._value(member_indices(coalition, self.k)).astype(self.dtype or np.float64, copy=False)
        if not is_finite(values):
            self.refuse()
        return float(values) if not self.shape and self.library is None else from_numpy(values, self.library)

    def _value(self, members: Array) -> Array:
        self.check_deferred()
        values = np.empty(self.shape, self.dtype or np.float64)
        for index in np.ndindex(self.shape):
            one = self[index] if self.shape else self
            values[index] = one.definition(members if one.mask is None else members[one.mask[members]])
        if is_finite(values):
            return values
        if values.dtype == np.float64:
            self.refuse()
        return self.widened()._value(members)

    def __getitem__(self, index: Any) -> Self:
        """The utility of the group, or groups, at `index` of the leading axes."""
        chosen = copy.copy(self)
        for name, spec in self.fields.items():
            array = getattr(self, name)
            if isinstance(spec, Field) and array is not None:
                tail = array.shape[array.ndim - len(spec.axes) :]
                setattr(chosen, name, namespace(array).broadcast_to(array, (*self.shape, *tail))[index])
        if self.mask is not None:
            chosen.mask = namespace(self.mask).broadcast_to(self.mask, (*self.shape, self.k))[index]
        chosen.shape = np.empty(self.shape, np.bool_)[index].shape
        return chosen

    def over(self, shape: tuple[int, ...]) -> Self:
        """The same utility for every group of a larger shape."""
        wider = copy.copy(self)
        wider.shape = shape
        return wider

    def __repr__(self) -> str:
        given = {name: value for name in [*self.fields, "mask"] if (value := vars(self).get(name)) is not None}
        parts = [f"{name}={summary(value) if hasattr(value, 'ndim') else repr(value)}" for name, value in given.items()]
        return f"{type(self).__name__}({', '.join(parts)}{'; credited by all its values' if self.by_table else ''})"

    # Utilities add up, and numbers scale them.

    def __add__(self, other: Any) -> Utility:
        if isinstance(other, Utility):
            return _sum([*self.terms(), *other.terms()])
        if isinstance(other, int) and other == 0:  # the start value of sum()
            return self
        return NotImplemented

    def __mul__(self, factor: Any) -> Utility:
        if isinstance(factor, Utility):
            return NotImplemented
        return _sum([(factor, self)])

    def __sub__(self, other: Any) -> Utility:
        return self + -other if isinstance(other, Utility) else NotImplemented

    def __truediv__(self, divisor: Any) -> Utility:
        return NotImplemented if isinstance(divisor, Utility) else self * (1 / divisor)

    def __neg__(self) -> Utility:
        return self * -1.0

    __radd__ = __add__
    __rmul__ = __mul__


def or_of_all(utility: Utility, weights: Array) -> Problem:
    """The problem of v(S) = weight [S holds a present member], weights [B]: what a base value adds to any other game."""
    hits = utility.flatten(utility.present()[0, :] if utility.mask is None else utility.mask, 1, full=True)[:, :, None]
    return Problem("dividends", "coverage", (hits, weights[:, None]))


def _sum(terms: Sequence[tuple[Any, Utility]]) -> Utility:
    from shapley_credit.linear import Sum  # linear.py imports this module

    return Sum(terms)
