"""What a family says of itself: its arrays, the value of a set, and the problems whose credits are its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from shapley_credit.convert import Array
from shapley_credit.errors import InputError
from shapley_credit.inputs.answers import AsynchronousError, number_of
from shapley_credit.inputs.binding import bind_fields
from shapley_credit.inputs.checks import DOMAINS
from shapley_credit.inputs.fields import LENGTHS, Field, Parameter
from shapley_credit.inputs.finite import Finite
from shapley_credit.inputs.pricing import Cost, refuse_dear
from shapley_credit.inputs.problems import Problem

# The most members of a family that is credited by the values of all its sets, and operations in the time of one value.
MAX_TABULATED, CALL = 16, 5000
# What `bind` finds, and no field can be called.
BOUND = ("k", "shape", "mask", "dtype", "library", "anchor")


class Declared(Finite):
    """What a family says: `fields`, which it hands to `bind`, `definition`, and `reduce` where it has kernels.

    A class whose name starts with an underscore is a base of families, and may lack any of them.
    """

    by_table: ClassVar[bool] = False  # whether it has no `reduce`: credits take the values of all its sets

    def __init_subclass__(cls) -> None:
        if "fields" in vars(cls):
            check_fields(cls)
        if not cls.__name__.startswith("_"):
            check_parts(cls)
        super().__init_subclass__()
        cls.by_table = bool(cls.fields) and cls.reduce is Declared.reduce

    def bind(self, mask: Any = None, *unnamed: Any, **given: Any) -> None:
        """Check the arrays and parameters of `fields` and store them, arrays in the common dtype, NumPy views or on a device.

        An array given as None stays None; its default is the family's business. Cost O(size of the data).
        Raises InputError for wrong shapes, mixed libraries, entries outside a domain (unless masked, deferred, on a device),
        and for arrays without their names.
        """
        if unnamed:
            raise InputError(
                f"bind of {type(self).__name__} takes the mask, and all else by name; got {1 + len(unnamed)} arguments without "
                f"one. Write self.bind(mask, {_handed(type(self))})."
            )
        given["mask"] = mask
        bind_fields(type(self), given, self.__dict__)

    def definition(self, members: Array) -> float:
        """v(S) of one group by its definition; `members` are the indices of the present members of S, ascending."""
        raise NotImplementedError

    def reduce(self: Any) -> Sequence[Problem]:
        """The problems whose credits, times their scales, add up to the credits of this utility; by default one, the table of
        all values by `definition`, 2^k a group, for at most 16 members and data on the host."""
        return [Problem("table", "solve", (all_values(self),))]

    def reduce_unions(self) -> Sequence[Problem]:
        """The problems of `reduce` for members in unions, where the players of its games are not the members."""
        return self.reduce()


class _NotBound:
    """What stands on the class where `bind` puts an attribute on the instance, which is looked at first.

    A `__getattr__` of the class would make every look at any attribute slower.
    """

    def __get__(self, instance: Any, family: type[Declared]) -> Any:
        if instance is None:
            return self
        raise InputError(f"{family.__name__}.__init__ has not called bind: self.bind(mask, {_handed(family)}).")


for _name in BOUND:
    setattr(Declared, _name, _NotBound())


def check_fields(family: type[Declared]) -> None:
    """Raise InputError for a table of fields that no family can have."""
    name, fields = family.__name__, family.fields
    if not isinstance(fields, Mapping):
        raise InputError(f"fields of {name} must map names to what they hold, {{'scores': real('k')}}; got {fields!r:.80}.")
    for field, spec in fields.items():
        if not isinstance(field, str):
            raise InputError(f"a field of {name} is called {field!r:.80}; its name must be a string.")
        if isinstance(spec, Parameter):
            continue
        if not isinstance(spec, Field):
            raise InputError(f"{field} of {name} must be declared by inputs.fields, as real('k') is; got {spec!r:.80}.")
        if spec.domain not in DOMAINS:
            raise InputError(f"{field} of {name} has the domain {spec.domain!r}; the domains are {', '.join(DOMAINS)}.")
    utility = family.__mro__[family.__mro__.index(Declared) - 1]
    for field in fields:
        if field in BOUND or hasattr(utility, field):
            raise InputError(f"a field of {name} is called {field!r}, which every utility has already; take another name.")
    axes = [axis for spec in fields.values() if isinstance(spec, Field) for axis in spec.axes]
    if fields and not LENGTHS.keys() & {*axes}:
        raise InputError(
            f"no array of {name} has an axis of members: one must be {', '.join(map(repr, LENGTHS))}; the axes are "
            f"{', '.join(map(repr, dict.fromkeys(axes))) or 'none'}."
        )


def check_parts(family: type[Declared]) -> None:
    """Raise InputError for a family that lacks a part that it can't do without."""
    name = family.__name__
    if not family.fields:
        if {"definition", "reduce"} & vars(family).keys():
            raise InputError(f"fields of {name} is empty; it must say what the arrays are, {{'scores': real('k')}}.")
        return
    if family.definition is Declared.definition:
        raise InputError(f"{name} has no definition(members), the value of one set; {_OF_BASES}.")
    if family.__init__ is object.__init__:
        raise InputError(
            f"{name} has no __init__ that hands its arrays to bind: self.bind(mask, {_handed(family)}); {_OF_BASES}."
        )


def _handed(family: type[Declared]) -> str:
    return ", ".join(f"{field}={field}" for field in family.fields)


_OF_BASES = "give a base of families that lacks it a name that starts with an underscore"


def all_values(utility: Any) -> NDArray[np.float64]:
    """The values [B, 2^k] of all sets by definition. Raises InputError if they are too many, on a device, or not numbers."""
    name, k, groups = type(utility).__name__, utility.k, prod(utility.shape)
    told = f"{name} has no reduce, so that its credits take the values of all sets by definition"
    if utility.library is not None and utility.library.device is not None:
        raise InputError(f"{told}, on the host; the data are on device {utility.library.device}: move them with .cpu() first.")
    if k > MAX_TABULATED:
        raise InputError(
            f"{told}, for at most {MAX_TABULATED} members; got k = {k}. Write {name}.reduce(), or estimate credits: "
            "shapley_credit.estimate(utility.value, k, budget=...)."
        )
    refuse_dear(Cost(float(groups * CALL << k), 8.0 * (groups << k)), utility)
    utility.check_deferred()
    wide = utility.widened() if utility.dtype == np.float32 else utility
    values = np.empty((groups, 1 << k))
    for row, index in enumerate(np.ndindex(utility.shape)):
        values[row] = _values_of_group(wide[index] if utility.shape else wide)
    return values


def _values_of_group(one: Any) -> NDArray[np.float64]:
    """Each set of present members is asked for once."""
    here = (1 << one.k) - 1 if one.mask is None else int((1 << np.flatnonzero(one.mask)).sum())
    asked, places = np.unique(np.arange(1 << one.k) & here, return_inverse=True)
    values: NDArray[np.float64] = np.array([value_of(one, np.flatnonzero(code >> np.arange(one.k) & 1)) for code in asked])
    return values[places]


def value_of(one: Any, members: NDArray[Any]) -> float:
    """v(S) of one group. Raises InputError for a definition that returns no finite number; other errors are told the set."""
    name, asked = f"{type(one).__name__}.definition", tuple(members.tolist())
    try:
        value = one.definition(members)
    except Exception as error:
        error.add_note(f"raised by {name} for members {asked}")
        raise
    try:
        return number_of(value)
    except AsynchronousError:
        raise InputError(f"{name} is asynchronous, and must return a number at once.") from None
    except InputError as error:
        raise InputError(f"{name} {error} for members {asked}.") from error
