"""What is asked, and what is known of it: requests without repetition, in batches, with answers that are checked and kept."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, MutableMapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_credit.blackbox.functions import batched
from shapley_credit.blackbox.plan import Plan
from shapley_credit.blackbox.prefixes import Prefixes
from shapley_credit.convert import to_numpy
from shapley_credit.errors import EvaluationError, InputError

Array = NDArray[Any]
Coalition = tuple[int, ...]
Request = Callable[[int, Coalition], Hashable]
Asked = Plan | Prefixes  # what has coalitions to ask


class Ledger:
    """The requests of all coalitions of some plans, each once, and their answers.

    Attributes:
        missing: requests without an answer, in the order in which they are first needed.
        faults: what went wrong with requests that were given up, request -> reason.
    """

    def __init__(self, plans: Sequence[Asked], request: Request | None, cache: MutableMapping[Any, float] | None) -> None:
        self.plans = plans
        self.cache: MutableMapping[Any, float] = {} if cache is None else cache
        self.render = request is not None
        self.needed = [list(_requests(plan, number, request)) for number, plan in enumerate(plans)]
        self.answers: dict[Any, float] = {}
        self.faults: dict[Any, str] = {}
        self._asked_by: dict[Any, tuple[int, int]] = {}
        for number, requests in enumerate(self.needed):
            for row, item in enumerate(requests):
                self._asked_by.setdefault(item, (number, row))
        for item in self._asked_by:
            known = self.cache.get(item)
            if known is not None:
                self.answers[item] = known
        self.missing = [item for item in self._asked_by if item not in self.answers]

    def keep(self, requests: Sequence[Any], answer: Any) -> list[Any]:
        """Store the finite answers of a batch, at once; return the requests whose answers are junk."""
        try:
            values = _numbers(answer, len(requests))
        except InputError as error:
            self.faults.update((item, str(error)) for item in requests)
            return list(requests)
        fresh = [(item, float(value)) for item, value in zip(requests, values, strict=True) if np.isfinite(value)]
        self.answers.update(fresh)
        store = getattr(self.cache, "store", self.cache.update)
        store(fresh)
        junk = [(item, float(value)) for item, value in zip(requests, values, strict=True) if not np.isfinite(value)]
        self.faults.update((item, f"returned {value}") for item, value in junk)
        return [item for item, _ in junk]

    def fail(self, requests: Sequence[Any], error: BaseException) -> list[Any]:
        """Note that a batch raised."""
        self.faults.update((item, f"raised {type(error).__name__}: {error}") for item in requests)
        return list(requests)

    def question(self, requests: Sequence[Any]) -> Any:
        """A batch as a batched function takes it: requests that were rendered as a list, coalitions as bool [m, k]."""
        if self.render:
            return list(requests)
        return np.array([self.plans[number].coalitions[row] for number, row in map(self._asked_by.__getitem__, requests)])

    def values(self) -> list[Array]:
        """The values of each plan's coalitions. Raises EvaluationError that names those without, and holds all others."""
        found = [np.array([self.answers.get(item, np.nan) for item in requests]) for requests in self.needed]
        lost = [(number, row) for number, values in enumerate(found) for row in np.flatnonzero(np.isnan(values)).tolist()]
        if lost:
            failed = [(number, self.plans[number].members[row]) for number, row in lost]
            number, row = lost[0]
            raise EvaluationError(
                f"the utility {self.faults[self.needed[number][row]]} for coalition {failed[0][1]} of plan {number}; "
                f"{len(lost)} of {sum(map(len, found))} coalitions have no value. {KEPT}",
                failed[0][1],
                self.plans[number].coalitions,
                found[number],
                failed,
            )
        return found


KEPT = "All other answers are kept, in the .values of this error and in the cache: evaluate again to ask only what is missing."


def _requests(plan: Asked, number: int, request: Request | None) -> Iterable[Hashable]:
    return plan.members if request is None else (request(number, coalition) for coalition in plan.members)


def _numbers(answer: Any, count: int) -> Array:
    array = to_numpy(answer, "the answer")[0]
    if array.shape != (count,) or array.dtype.kind not in "biuf":
        raise InputError(f"must return {count} numbers, shape ({count},); got {array.dtype} of shape {array.shape}")
    return array.astype(np.float64)


def ask(value: Any, question: Any) -> Any:
    """Answers of a batch, where it is computed: one call of a batched function, or one call an item."""
    return value.function(question) if isinstance(value, batched) else [value(item) for item in question]
