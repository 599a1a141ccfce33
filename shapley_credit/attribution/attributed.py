"""Credits of items, with the scores that they were made of."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from shapley_credit.attribution.asked_sentences import (
    members_of,
    score_of,
    sentences_of_item,
    sentences_of_union,
    union_called,
)
from shapley_credit.attribution.items import Items, beginning
from shapley_credit.blackbox.estimate_table import estimate_table, said
from shapley_credit.blackbox.plan import Plan
from shapley_credit.blackbox.solution import Estimate
from shapley_credit.coalitions import CoalitionTree
from shapley_credit.display.data_frame import members_frame
from shapley_credit.display.text_table import SHOWN, TextTable
from shapley_credit.errors import InputError
from shapley_credit.explanation.explain import explain
from shapley_credit.explanation.explained import Explanation
from shapley_credit.inputs.checks import shown, whole_number
from shapley_credit.utilities.table import Table
from shapley_kernels.trees.shapes import is_flat, tree_of

Array = NDArray[Any]

# The most items of which all sets are scored without a budget, and with one.
MOST_ITEMS, MOST_WITH_BUDGET = 12, 20


class UnionCredit(NamedTuple):
    """What the items of a union earn together.

    most_stderr: an upper bound of the standard error, the sum of those of the items; it is reached where all their errors go
        the same way. 0 for exact credit.
    """

    credit: float
    most_stderr: float


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Attribution(Estimate):
    """Credits of items: an `Estimate` of one group, with names and the scores that it was made of; made by `attribute`.

    Attributes, beside those of an `Estimate`:
        tree: the coalition tree of the items, flat without unions.
        coalitions: bool [m, k], the items kept, a row for each set that was scored.
        scores: [m], of these sets.
        union_of: [k], the name of the outermost union of each item, its label where that is a text; () without unions.
        texts: [k], the items that are texts, None for others.
        empty, whole: the scores of no item and of all items; the credits of Shapley's value add up to their difference.

    >>> import shapley_credit as sc
    >>> found = sc.attribute(["red", "green"], lambda kept: 1.0 + len("".join(kept)))
    >>> found.empty, found.whole, dict(zip(found.names, found.values.tolist()))
    (1.0, 9.0, {'red': 3.0, 'green': 5.0})
    """

    names: tuple[str, ...]
    tree: CoalitionTree
    coalitions: NDArray[np.bool_]
    scores: Array
    union_of: tuple[str, ...] = ()
    texts: tuple[str | None, ...] = ()

    def extend(self, budget: int) -> Attribution:
        """As `Estimate.extend`: with `budget` calls more, of which none is for a set that was scored."""
        return cast(Attribution, super().extend(budget))

    async def aextend(self, budget: int) -> Attribution:
        """As `extend`, for what `aattribute` returned."""
        return cast(Attribution, await super().aextend(budget))

    @property
    def empty(self) -> float:
        return score_of(self, np.zeros(self.tree.k, np.bool_))

    @property
    def whole(self) -> float:
        return score_of(self, np.ones(self.tree.k, np.bool_))

    @property
    def unions(self) -> dict[str, UnionCredit]:
        """The credit of each outermost union, by its name, in the order of their first items; {} without unions.

        The credit is the sum of those of its items. How the errors of the items go together is not known, so the standard
        error is known up to a bound: `most_stderr` is the sum of theirs.

        >>> import shapley_credit as sc
        >>> found = sc.attribute(["ann", "bob", "cyd"], lambda kept: float(len(kept)), unions=["web", "web", "book"])
        >>> found.unions["web"].credit
        2.0
        """
        return {
            name: UnionCredit(float(self.values[inside].sum()), float(self.stderr[inside].sum()))
            for name in dict.fromkeys(self.union_of)
            for inside in [members_of(self, name)]
        }

    def _table(self) -> TextTable:
        rows = []
        for name, union in [*self.unions.items()][:SHOWN]:
            credit, error = said(union.credit, union.most_stderr)
            bound = "<= " if union.most_stderr > 0 and self.union_of.count(name) > 1 else ""
            rows.append([union_called(name), credit, bound + error])
        return estimate_table(self.names, self.values, self.stderr, rows)

    def to_frame(self, backend: str = "pyarrow") -> Any:
        """As `Estimate.to_frame`, with a column `union` behind the name where there are unions."""
        if not self.union_of:
            return super().to_frame(backend)
        texts = np.array([name.encode(errors="backslashreplace").decode() for name in self.union_of], object)
        return members_frame(self.names, {"union": texts, "credit": self.values, "stderr": self.stderr}, backend)

    def explain(self) -> Explanation:
        """What exact Shapley credits are made of (see `sc.explain`), from the scores that are there: nothing more is asked.

        Cost: as `sc.explain` of a table of 2^k values. Raises InputError where the credits are estimates, of unions, or of
        another semivalue.

        >>> import shapley_credit as sc
        >>> sc.attribute(["ann", "bob"], lambda kept: float(len(kept) == 2)).explain().interactions
        array([[0.5, 1. ],
               [1. , 0.5]])
        """
        if problem := self._unexplained():
            raise InputError(
                f"explain is of exact Shapley credits without unions, and these are {problem}. {_advice(self.tree.k)}"
            )
        return self._explanation

    def _unexplained(self) -> str:
        """Why nothing explains the credits, "" if something does."""
        if self.method != "exact":
            return f"estimates from the scores of {len(self.scores):,} sets"
        if not is_flat(tree_of(self.tree.labels)):
            return "those of items in unions"
        return "those of another semivalue" if self.residual is None else ""

    @cached_property
    def _explanation(self) -> Explanation:
        table = np.empty(len(self.scores))
        table[self.coalitions @ (1 << np.arange(self.tree.k))] = self.scores
        return explain(Table(table), names=self.names)

    def why(self, i: int | str) -> str:
        """Why an item, or a union, earns what it earns, in one to four sentences, one a line.

        i: the number of an item, its name, or the text that it is; or the name of a union. Where `explain` is possible these
            are the sentences of its `why`; elsewhere those of the scores that were asked.
        Raises InputError for other items.

        >>> import shapley_credit as sc
        >>> unions = ["web", "web", "book"]
        >>> found = sc.attribute(["ann", "bob", "cyd"], lambda kept: float(len(kept) > 0), unions=unions)
        >>> print(found.why("ann"))
        Member ann earns 0.25, where all members earn 1 together.
        By itself it adds 1, and to all the others together 0.
        Its union web, with bob, earns 0.5.
        >>> print(found.why("book"))
        Union book, of cyd, earns 0.5, where all members earn 1 together.
        By itself it adds 1, and to all the others together 0.
        """
        member = self._member(i)
        if isinstance(member, str):
            return "\n".join(sentences_of_union(self, member))
        return self._explanation.why(member) if not self._unexplained() else "\n".join(sentences_of_item(self, member))

    def _member(self, i: int | str) -> int | str:
        """The number of an item, or the name of a union."""
        if not isinstance(i, str):
            member = whole_number(i, "the item of why")
            if member >= len(self.names):
                raise InputError(f"the item of why must be in 0 .. {len(self.names) - 1}; got {member}.")
            return member
        if i in self.names:
            return self.names.index(i)
        if self.texts.count(i) == 1:  # equal texts are different items
            return self.texts.index(i)
        if (union := i if i in self.union_of else beginning(i)) in self.union_of:
            return union
        unions = f", the unions {shown([*self.unions])}" if self.union_of else ""
        raise InputError(f"no item is called {shown(i)}; the items are {shown([*self.names])}{unions}. Pass its number.")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Attribution):
            return NotImplemented
        same = np.array_equal(self.coalitions, other.coalitions) and np.array_equal(self.scores, other.scores)
        same &= self.tree == other.tree and self.union_of == other.union_of
        return same and bool(super().__eq__(other))

    __hash__ = Estimate.__hash__

    def __repr__(self) -> str:
        return super().__repr__().replace("Estimate", "Attribution", 1)

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, ({name: getattr(self, name) for name in _KEPT},)

    def __deepcopy__(self, memo: dict[int, Any]) -> Attribution:
        return replace(self, **{name: deepcopy(getattr(self, name), memo) for name in _KEPT})


# All but the utility, which stays behind when an estimate is pickled.
_KEPT = tuple(part.name for part in fields(Attribution) if part.init and not part.name.startswith("_"))


def _advice(k: int) -> str:
    """How to get what `explain` needs, the scores of all sets."""
    if k <= MOST_ITEMS:
        return "Attribute the items once more, without unions=, levels= and budget=; a cache= keeps what was asked."
    if k <= MOST_WITH_BUDGET:
        return (
            f"Attribute the items once more with budget={1 << k}, without unions= and levels=; a cache= keeps what was asked."
        )
    return (
        f"That takes the scores of all 2^{k} sets. Attribute at most {MOST_ITEMS} of the items, say those that earn most here, "
        "with a score that adds the others to every list."
    )


def _again(kept: dict[str, Any]) -> Attribution:
    return Attribution(**kept)


def attributed(read: Items, plan: Plan, scores: Array, before: tuple[tuple[int, float], ...]) -> Attribution:
    """The credits that a plan makes of the scores [m] of its coalitions; before: the trace of what was solved for earlier."""
    found = plan.solve(scores)
    known = {part.name: getattr(found, part.name) for part in fields(found)} | {"trace": before + found.trace}
    known |= {"tree": plan.structure.tree, "union_of": read.unions, "texts": read.texts}
    return Attribution(**known, coalitions=plan.coalitions, scores=scores)
