"""What is not finite, or not symmetric: data whose check was deferred, and credits and values that overflow."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, ClassVar, NoReturn, Self

import numpy as np

from shapley_credit.convert import Array
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import DOMAINS, check_entries, is_finite
from shapley_credit.inputs.fields import REAL_VALUED, UNBOUNDED, Field, Parameter


class Finite:
    """How a utility keeps its promise that credits are finite, or raises InputError; on a device nothing is read."""

    fields: ClassVar[Mapping[str, Field | Parameter]] = {}
    _deferred: ClassVar[Mapping[str, str]] = {}  # the domains of its deferred fields, by name
    _mirrored: ClassVar[bool] = False  # whether one of them is symmetric
    _may_overflow: ClassVar[bool] = True  # whether credits may be infinite though all data are finite

    dtype: np.dtype[Any] | None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        fields = {name: spec for name, spec in cls.fields.items() if isinstance(spec, Field)}
        cls._deferred = {name: spec.domain for name, spec in fields.items() if spec.deferred}
        cls._mirrored = "symmetric" in cls._deferred.values()
        if "_may_overflow" not in cls.__dict__:
            cls._may_overflow = any(spec.domain in UNBOUNDED for spec in fields.values())

    def is_solved(self, credits: Array) -> bool:
        """Whether all credits are finite."""
        return not self._may_overflow or not isinstance(credits, np.ndarray) or is_finite(credits)

    def check_credits(self, credits: Array) -> None:
        """Raise InputError for credits that are not finite."""
        if not self.is_solved(credits):
            self.refuse()

    def check_deferred(self) -> None:
        """Raise InputError at the first entry of a deferred field that is not finite, or not symmetric where it must be."""
        for name, domain in self._deferred.items():
            array = getattr(self, name)
            if isinstance(array, np.ndarray) and not DOMAINS[domain].look(array):
                check_entries(array, domain, name)

    def check_symmetry(self) -> None:
        """The same for families with a symmetric field, before kernels that do not see whether it is."""
        if self._mirrored:
            self.check_deferred()

    def refuse(self) -> NoReturn:
        """Raise InputError for what is not finite: the first such entry of a deferred field, or else the credits."""
        self.check_deferred()
        raise InputError(f"the values of {self!r} overflow {self.dtype}; scale them down.") from None

    def widened(self) -> Self:
        """The same utility in float64, in which sums of float32 can't overflow; for the host."""
        wider = copy.copy(self)
        for name, spec in self.fields.items():
            if isinstance(spec, Field) and spec.domain in REAL_VALUED and getattr(self, name) is not None:
                setattr(wider, name, getattr(self, name).astype(np.float64))
        wider.dtype = np.dtype(np.float64)
        return wider
