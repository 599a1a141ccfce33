"""A case: a game, how its arrays lie in memory, a value and a role of kernels; and the text in Python that it is run from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import shapley_credit as sc
from shapley_credit import Utility, semivalues
from shapley_credit import utilities as u
from shapley_credit.inputs.fields import REAL_VALUED, Field
from shapley_credit.testing.instances import Array, Instance

from fuzzing import dress
from fuzzing.dress import Dress
from fuzzing.values import Way
from roles import using

HEADER = """\
import numpy as np
import shapley_credit as sc
from numpy import inf, nan
from shapley_credit import semivalues, utilities as u

from fuzzing import dress  # PYTHONPATH=tests/support
from roles import using
"""


@dataclass(frozen=True)
class Term:
    """A family's game: its arrays, the dress of each, and what real numbers of its fields have in common."""

    instance: Instance
    dresses: dict[str, Dress]
    centre: dict[str, Fraction]

    def call(self) -> str:
        """The constructor's call, in Python."""
        given = {**self.instance.data, "mask": self.instance.mask}
        parts = [f"{name}={self._spelled(name, value)}" for name, value in given.items() if value is not None]
        return f"u.{self.instance.family.__name__}({', '.join(parts)})"

    def _spelled(self, name: str, value: Any) -> str:
        if not isinstance(value, np.ndarray):
            return repr(value)
        array = f"np.array({value.tolist()}, np.{value.dtype.name.replace('bool', 'bool_')})"
        if not value.size:
            array += f".reshape({value.shape})"
        worn = self.dresses.get(name, dress.plain)
        return array if worn is dress.plain else f"dress.{worn.__name__}({array})"


@dataclass(frozen=True)
class Case:
    """What is drawn, run and judged.

    terms: with their coefficients; one and the coefficient 1 is no sum. labels: what the tallies count it as.
    """

    terms: tuple[tuple[float, Term], ...]
    way: Way
    role: str
    labels: dict[str, str]

    @property
    def k(self) -> int:
        return self.terms[0][1].instance.k

    @property
    def plain(self) -> bool:
        """Whether its numbers are of ordinary size, so that there is no reason to refuse them."""
        return self.labels["magnitude"] == "1" and self.labels["offset"] == "0"

    def game_text(self) -> str:
        if len(self.terms) == 1 and self.terms[0][0] == 1.0:
            return self.terms[0][1].call()
        return " + ".join(f"{factor!r} * {term.call()}" for factor, term in self.terms)

    def text(self) -> str:
        """Ready to paste."""
        return f"{HEADER}\ngame = {self.game_text()}\nwith using({self.role!r}):\n    print(repr({self.way.call}))\n"

    def made(self) -> Utility:
        """The game of the arrays in their dresses, by the text."""
        game: Utility = eval(self.game_text(), {"np": np, "u": u, "dress": dress, "nan": np.nan, "inf": np.inf})
        return game

    def solved(self, game: Any) -> Any:
        with using(self.role):
            return eval(self.way.call, {"sc": sc, "semivalues": semivalues, "game": game})

    def undressed(self) -> list[tuple[float, Utility]]:
        """The games of its terms, of plain arrays of NumPy."""
        return [(factor, term.instance.utility) for factor, term in self.terms]

    def shaped(self, reshape: Any) -> Case:
        """The case whose arrays have been through `reshape`, in plain memory."""
        terms = [(factor, replace(term, instance=term.instance.shaped(reshape), dresses={})) for factor, term in self.terms]
        return replace(self, terms=tuple(terms))

    def dtype(self) -> Any:
        """That in which the credits are to come back."""
        found = [dtype for _, term in self.terms if (dtype := _dtype_of(term)) is not None]
        return np.result_type(*found) if found else np.dtype(np.float64)

    def coarsest(self) -> Any:
        """That of the term whose credits have the fewest digits."""
        return min((dtype for _, term in self.terms if (dtype := _dtype_of(term)) is not None), default=np.dtype(np.float64))

    def library(self) -> str:
        """That to which the credits are to go back."""
        arrays = [term.dresses.get(name) for _, term in self.terms for name in term.dresses]
        if any(worn in (*dress.TORCH, dress.bfloat16_tensor) for worn in arrays):
            return "torch"
        return "array_api_strict" if dress.strict in arrays else "numpy"


def _dtype_of(term: Term) -> Any:
    """float32 if all arrays of real numbers hold floats of at most 32 bits, lists aside; else float64; None without such."""
    found = []
    real = False
    for name, spec in term.instance.family.fields.items():
        if not isinstance(spec, Field) or spec.domain not in REAL_VALUED or (array := term.instance.data[name]) is None:
            continue
        real = True
        if term.dresses.get(name) is not dress.listed:
            narrow = array.dtype.kind == "f" and array.dtype.itemsize <= 4
            found.append(np.dtype(np.float32 if narrow else np.float64))
    return max(found, default=np.dtype(np.float64)) if real else None


def host(credit: Any) -> Array:
    """The credits in NumPy."""
    return np.asarray(credit if isinstance(credit, np.ndarray) else np.from_dlpack(credit))


def groups(shape: Sequence[int]) -> list[tuple[int, ...]]:
    return list(np.ndindex(*shape))
