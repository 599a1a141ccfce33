"""Families some of whose arrays are made by a function of the caller's: of the size of a set, or of its counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Self


class ByFunction:
    """The part of a family that asks `_function` only when what it makes is needed, for the sizes that groups have by then.

    Flat data of many groups are one utility of all rows first, for which the arrays would be too large. Attributes named in
    `_made` are cached properties, or are bound as others are. A pickle holds what the function makes, not the function.
    """

    _made: ClassVar[tuple[str, ...]] = ()
    _function: Callable[..., Any]

    def __copy__(self) -> Self:
        copied = object.__new__(type(self))
        vars(copied).update(vars(self))
        return copied

    def __getstate__(self) -> dict[str, Any]:
        known = {name: value for name, value in vars(self).items() if name != "_function"}
        return known | {name: getattr(self, name) for name in self._made}
