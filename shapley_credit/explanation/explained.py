"""What `explain` returns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shapley_credit.convert import Array, to_host
from shapley_credit.display.data_frame import members_frame
from shapley_credit.errors import InputError
from shapley_credit.explanation.figures import Figures
from shapley_credit.explanation.pictures import table_of
from shapley_credit.explanation.sentences import sentences
from shapley_credit.inputs.checks import whole_number

if TYPE_CHECKING:
    from rich.table import Table

    from shapley_credit.utility import Utility


class Part(NamedTuple):
    """One term of a sum: its family, numbered where the family comes again, its coefficient, a number or an array [...], and
    the credits [..., k] that it brings, the coefficient included."""

    name: str
    coefficient: Array | float
    credit: Array


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """Shapley credits and what they are made of; made by `explain`.

    Attributes:
        names: of the k members.
        credit: [..., k], the Shapley values phi_i.
        terms: a `Part` for each term of the utility; their credits add up to `credit`.
        by_size: [..., k, k], at [i, s] the mean marginal contribution of i to coalitions of s others that are present, NaN
            where fewer are; the mean over s is the credit.
        without: [..., k, k], at [i, j] what the presence of j adds to the credit of i, phi_i(N) - phi_i(N without j); the
            credits on the diagonal, 0 for absent members, symmetric (Myerson 1980).
        interactions: [..., k, k], at [i, j] the Shapley interaction index of the two, as `shapley_credit.interactions` says.
        present: bool [..., k], NumPy flags.
        utility: the one that is explained; of a function, the table of its values.
        empty: [...], v(empty), so that the credits of a group add up from it to v(N). Cost O(1) a group, when it is asked for.
            Raises InputError for data on a device, as `utility.value` does.

    An explanation of groups is indexed by them: `explanation[g]` is that of group g. Two are equal if their names and numbers
    are, NaN included.
    """

    names: tuple[str, ...]
    credit: Array
    terms: tuple[Part, ...]
    by_size: Array
    without: Array
    interactions: Array
    present: NDArray[np.bool_]
    utility: Utility

    @property
    def empty(self) -> Any:
        return self.utility.value(())

    def __getitem__(self, index: Any) -> Explanation:
        groups = index if isinstance(index, tuple) else (index,)
        # The whole axes of members behind them: what is no group raises IndexError, and chooses no member.
        members, pairs = (*groups, slice(None)), (*groups, slice(None), slice(None))
        terms = [
            Part(name, factor if isinstance(factor, float) else factor[groups], credit[members])
            for name, factor, credit in self.terms
        ]
        return replace(
            self,
            credit=self.credit[members],
            terms=tuple(terms),
            by_size=self.by_size[pairs],
            without=self.without[pairs],
            interactions=self.interactions[pairs],
            present=self.present[members],
            utility=self.utility[index],
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Explanation):
            return NotImplemented
        mine, others = self._numbers(), other._numbers()
        known = self.names == other.names and mine.keys() == others.keys()
        return known and all(np.array_equal(mine[name], others[name], equal_nan=True) for name in mine)

    def __hash__(self) -> int:
        return hash((self.names, self.present.shape, *(part.name for part in self.terms)))

    def _numbers(self) -> dict[str, NDArray[Any]]:
        """All numbers on the host."""
        factors = {f"coefficient of {part.name}": part.coefficient for part in self.terms}
        pairs = {"by_size": self.by_size, "without": self.without, "interactions": self.interactions}
        arrays = self._credits() | factors | pairs | {"present": self.present}
        return {name: to_host(array, name) for name, array in arrays.items()}

    def why(self, i: int | str) -> str:
        """Why member i of a group earns what it earns, in three or four sentences, one a line.

        i: a member, 0 .. k-1, or its name. Numbers have four digits; what may be rounding counts as 0.
        Raises InputError for other members, for several groups, and for arrays that are on a device and not of torch, or
        without values.

        >>> import shapley_credit as sc
        >>> from shapley_credit import utilities as u
        >>> print(sc.explain(u.Max([3.0, 3.0, 1.0]), names=["ann", "bob", "cyd"]).why(0))
        Member ann earns 1.333, where all members earn 3 together.
        By itself it adds 3, and to all the others together 0. On average it adds most by itself.
        It earns less beside bob and cyd: it would earn 2.5 without bob and 1.5 without cyd.
        """
        member = self._member(i)
        if self.present.ndim > 1:
            raise InputError(
                f"this explanation is of groups {self.present.shape[:-1]}, and why is of one; ask explanation[g].why(i) for "
                "group g."
            )
        return "\n".join(sentences(self._figures(), member))

    def _member(self, i: int | str) -> int:
        if isinstance(i, str):
            if self.names.count(i) != 1:
                told = "none" if i not in self.names else f"{self.names.count(i)} members"
                raise InputError(f"the member of why is a number, or a name that one member has; {i!r:.60} is that of {told}.")
            return self.names.index(i)
        member = whole_number(i, "the member of why")
        if member >= len(self.names):
            raise InputError(f"the member of why must be in 0 .. {len(self.names) - 1}; got {member}.")
        return member

    def to_frame(self, backend: str = "pyarrow") -> Any:
        """The credits as a frame, one row a member: member, name, credit, and one column a term; of groups, group comes first.

        backend: "pyarrow", "pandas", "polars" or "modin". Groups are numbered in the order of the flattened leading axes.
        Raises InputError for other backends and arrays without values, MissingExtraError where a library is not installed.

        >>> import shapley_credit as sc
        >>> from shapley_credit import utilities as u
        >>> sc.explain(u.Max([1.0, 3.0]) + u.Min([1.0, 3.0])).to_frame().to_pydict()
        {'member': [0, 1], 'name': ['0', '1'], 'credit': [0.0, 4.0], 'Max': [0.5, 2.5], 'Min': [-0.5, 1.5]}
        """
        columns = {name: to_host(credit, name) for name, credit in self._credits().items()}
        return members_frame(self.names, columns, backend)

    def _credits(self) -> dict[str, Array]:
        return {"credit": self.credit} | {part.name: part.credit for part in self.terms}

    def _figures(self) -> Figures:
        """The numbers of a single group on the host."""
        known = self._numbers()
        terms = {part.name: known[part.name] for part in self.terms}
        return Figures(self.names, self.present, known["credit"], terms, known["by_size"], known["without"])

    def __repr__(self) -> str:
        groups = f", groups={self.present.shape[:-1]}" if self.present.ndim > 1 else ""
        return f"Explanation(k={len(self.names)}{groups}, terms={', '.join(part.name for part in self.terms)})"

    def __str__(self) -> str:
        return repr(self) if self.present.ndim > 1 else str(table_of(self._figures()))

    def _repr_html_(self) -> str | None:
        return None if self.present.ndim > 1 else table_of(self._figures()).html()  # None: notebooks show repr

    def __rich__(self) -> Table | str:
        return repr(self) if self.present.ndim > 1 else table_of(self._figures()).rich()
