"""Random instances of every utility, drawn from its `fields` alone: a new family is tested with no edit here."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from shapley_credit import utilities as library
from shapley_credit.inputs.fields import LENGTHS, MEMBERS, Field, Parameter
from shapley_credit.testing.random_games import check_size
from shapley_credit.utility import Utility

Array = NDArray[Any]


def families() -> list[type[Utility]]:
    """Every utility class defined in a module of shapley_credit.utilities."""
    found = []
    for module in pkgutil.iter_modules(library.__path__, f"{library.__name__}."):
        for _, member in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(member, Utility) and member.__module__ == module.name and not member.__name__.startswith("_"):
                found.append(member)
    return sorted(found, key=lambda family: family.__name__)


FAMILIES = families()


def fields_of(family: type[Utility]) -> list[Field]:
    return [spec for spec in family.fields.values() if isinstance(spec, Field)]


@dataclass(frozen=True)
class Instance:
    """A utility and what it was made of, so that a test can make its relatives."""

    family: type[Utility]
    k: int
    data: Mapping[str, Any]
    mask: Array | None

    @property
    def utility(self) -> Utility:
        make: Any = self.family
        utility: Utility = make(**self.data, mask=self.mask)
        return utility

    def absent_as(self, mask: Array | None) -> Instance:
        """The same data, with the members of a mask: terms of a sum have one."""
        return replace(self, mask=mask)

    def along_members(self, index: Sequence[int]) -> Instance:
        """Members picked by index, in this order; with all of them, a permutation or a duplication."""
        data = dict(self.data)
        for name, spec in self.family.fields.items():
            if isinstance(spec, Field) and data[name] is not None:
                data[name] = _pick(data[name], spec, list(index), self.k)
        mask = None if self.mask is None else self.mask[..., list(index)]
        return Instance(self.family, len(index), data, mask)

    def shaped(self, reshape: Any) -> Instance:
        """Every array passed through `reshape`, which must keep the trailing axes."""
        data = dict(self.data)
        for name, spec in self.family.fields.items():
            if isinstance(spec, Field) and data[name] is not None:
                data[name] = reshape(data[name], len(spec.axes))
        return Instance(self.family, self.k, data, None if self.mask is None else reshape(self.mask, 1))


def instance_of(utility: Utility) -> Instance | None:
    """What a utility was made of, by the fields that it keeps; None if its constructor does not take them by name."""
    family = type(utility)
    if not family.fields or not {*family.fields, "mask"} <= inspect.signature(family).parameters.keys():
        return None
    return Instance(family, utility.k, {name: getattr(utility, name) for name in family.fields}, utility.mask)


def _pick(array: Array, spec: Field, index: list[int], k: int) -> Array:
    for place, axis in enumerate(spec.axes):
        where = place - len(spec.axes)
        if axis == MEMBERS:
            array = np.take(array, index, axis=where)
        elif axis == "coalitions":
            codes = np.arange(1 << len(index))
            array = array[..., sum(((codes >> new & 1) << old) for new, old in enumerate(index))]
        elif axis in LENGTHS:
            array = np.take(array, np.arange(array.shape[where] - k + len(index)), axis=where)
    return array


@st.composite
def instances(draw: st.DrawFn, family: type[Utility], dtype: Any, k: int, shape: tuple[int, ...] = ()) -> Instance:
    """An instance with k members and the given leading axes; numbers are dyadic, so that v is exact and ties are common."""
    signature = inspect.signature(family)
    free: dict[str, int] = {}
    data: dict[str, Any] = {}
    for name, spec in sorted(family.fields.items(), key=lambda field: isinstance(field[1], Field)):  # parameters set lengths
        if isinstance(spec, Parameter):
            data[name] = draw(_parameter(spec, k))
            if spec.several:
                free |= {"T": len(data[name]), "L": int(np.prod(data[name]))}
        elif signature.parameters[name].default is None and draw(st.booleans()):
            data[name] = None
        else:
            data[name] = draw(_array(spec, dtype, k, shape, free))
    if {"positive", "negative"} <= data.keys():  # one member on both sides of a rule is refused
        data["negative"] &= ~data["positive"]
    masked = draw(st.booleans())
    mask = np.array(draw(st.lists(st.booleans(), min_size=k * _groups(shape), max_size=k * _groups(shape)))) if masked else None
    return Instance(family, k, data, None if mask is None else mask.astype(np.bool_).reshape(*shape, k))


def utilities(
    k: int, family: type[Utility] | None = None, *, dtype: Any = np.float64, groups: tuple[int, ...] = ()
) -> st.SearchStrategy[Utility]:
    """Random utilities of k members, drawn from the `fields` of their family; some have a mask.

    k: number of members. family: a class, by default any of the library. dtype: of their numbers. groups: their leading axes.
    Numbers are eighths within 8, so that values are exact and ties common. Raises InputError for k < 1 or above 10.

    >>> from hypothesis import find
    >>> from shapley_credit import utilities as u
    >>> from shapley_credit.testing import utilities
    >>> find(utilities(2, u.Max), lambda game: game.value((0, 1)) > 1).scores.shape
    (2,)
    """
    check_size(k)
    chosen = st.just(family) if family is not None else st.sampled_from(FAMILIES)
    return chosen.flatmap(lambda drawn: instances(drawn, dtype, k, groups)).map(lambda instance: instance.utility)


def _parameter(spec: Parameter, k: int) -> st.SearchStrategy[Any]:
    if spec.optional:  # a bound of the sum of whole numbers, which are at most 5
        return st.sampled_from([None, 5 * k])
    if spec.several:  # lengths of axes that count the members of each type
        return st.integers(1, 3 if k <= 5 else 2).map(lambda kinds: (k + 1,) * kinds)
    return st.sampled_from(spec.choices) if spec.choices else st.integers(1, k + 1)


def _groups(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape))


_ENTRIES = {
    "real": st.integers(-64, 64).map(lambda n: n / 8),
    "key": st.integers(-64, 64).map(lambda n: n / 8),
    "symmetric": st.integers(-64, 64).map(lambda n: n / 8),
    "probability": st.integers(0, 8).map(lambda n: n / 8),
    "label": st.integers(0, 3),
    "flag": st.booleans(),
    "membership": st.booleans(),
    "nonnegative": st.integers(0, 64).map(lambda n: n / 8),
    "positive": st.integers(1, 64).map(lambda n: n / 8),
    "whole": st.integers(-3, 5),
}


_KINDS: Mapping[str, Any] = {
    "label": np.int64,
    "index": np.int64,
    "whole": np.int64,
    "flag": np.bool_,
    "membership": np.bool_,
}


@st.composite
def _array(draw: st.DrawFn, spec: Field, dtype: Any, k: int, shape: tuple[int, ...], free: dict[str, int]) -> Array:
    lengths = {MEMBERS: k, "ranks": k, "line": k, "sizes": k + 1, "coalitions": 1 << k}
    for axis in spec.axes:
        if axis not in lengths:
            free.setdefault(axis, draw(st.integers(0, 4)))
    full = (*shape, *({**lengths, **free}[axis] for axis in spec.axes))
    size = int(np.prod(full))
    if spec.domain == "key":  # distinct: the order of equal keys is a convention, which a permutation would change
        rows = [draw(st.permutations(range(k))) for _ in range(_groups(shape))]
        return np.array(rows, dtype).reshape(full)
    entry = st.integers(0, free["T"] - 1) if spec.domain == "index" else _ENTRIES[spec.domain]
    entries = draw(st.lists(entry, min_size=size, max_size=size))
    array = np.array(entries, _KINDS.get(spec.domain, dtype)).reshape(full)
    return np.triu(array) + np.swapaxes(np.triu(array, 1), -1, -2) if spec.domain == "symmetric" else array
