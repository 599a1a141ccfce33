"""What is asked, and what is known of it: requests without repetition, and answers that are checked, kept and never lost."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_credit.blackbox.claims import Turn, new_name
from shapley_credit.blackbox.plan import Plan
from shapley_credit.blackbox.prefixes import Prefixes
from shapley_credit.blackbox.replies import Reply
from shapley_credit.blackbox.writer import writer_of
from shapley_credit.errors import EvaluationError, InputError
from shapley_credit.inputs.answers import AsynchronousError, Values, number_of, refuse_awaitable, shown

Array = NDArray[Any]
Coalition = tuple[int, ...]
Request = Callable[[int, Coalition], Hashable]
Asked = Plan | Prefixes  # what has coalitions to ask


class Ledger:
    """The requests of all coalitions of some plans, each once, and their answers.

    Attributes:
        answers: request -> value, for all requests that have one.
        faults: what went wrong with requests that have been asked in vain, request -> reason.
        stopped: why nothing more may be asked, "" while it may.
    """

    def __init__(self, plans: Sequence[Asked], request: Request | None, cache: MutableMapping[Any, float] | None) -> None:
        self.plans, self.cache, self.name = plans, cache, new_name()
        self.render = request is not None
        self.needed = [list(_requests(plan, number, request)) for number, plan in enumerate(plans)]
        self.answers: dict[Any, float] = {}
        self.faults: dict[Any, str] = {}
        self._writer = None if cache is None else writer_of(cache)
        self.stopped = ""
        self.cause: Exception | None = None
        self._asked_by: dict[Any, tuple[int, int]] = {}
        for number, requests in enumerate(self.needed):
            for row, item in enumerate(requests):
                self._asked_by.setdefault(item, (number, row))  # equal requests are asked in the first one's place
        self._look(self._asked_by)

    @property
    def missing(self) -> list[Any]:
        """Requests neither answered nor asked in vain, in the order in which they are first needed."""
        return [item for item in self._asked_by if item not in self.answers and item not in self.faults]

    @contextmanager
    def turn(self) -> Iterator[Turn]:
        """Take the missing requests that no other evaluation asks, less those that the cache has meanwhile."""
        shared = None if self.cache is None else getattr(self.cache, "shared_as", id(self.cache))
        turn = Turn(self.name, shared)
        try:
            turn.take(self.missing)
            try:
                self._look(turn.mine)
            except Exception as error:  # noqa: BLE001 - the caller's mapping may raise anything
                self._give_up(error, "read")
            turn.mine = [] if self.stopped else [item for item in turn.mine if item not in self.answers]
            yield turn
        finally:
            try:
                self.save()  # before the turn ends, as those that wait for it then look into the cache
            finally:
                turn.end()

    def _look(self, requests: Iterable[Any]) -> None:
        """Take the answers that the cache holds; a request with anything but a finite number there is asked."""
        if self.cache is None:
            return
        for item in requests:
            known = self.cache.get(item)
            if known is not None:
                with suppress(InputError):
                    self.answers[item] = number_of(known)

    def keep(self, requests: Sequence[Any], reply: Reply) -> list[Any]:
        """Keep the answers of a batch; return the requests to ask again. The cache gets the answers by `save` or `settle`."""
        pairs = list(zip(requests, reply.values.tolist(), strict=True))
        fresh = [(item, value) for item, value in pairs if value == value]  # not NaN
        self.answers.update(fresh)
        for item, _ in fresh:
            self.faults.pop(item, None)
        self.faults.update((requests[place], reason) for place, reason in reply.faults.items())
        if self._writer is not None:
            self._writer.add(fresh)
        return [item for place, (item, value) in enumerate(pairs) if value != value and place not in reply.hopeless]

    def save(self) -> None:
        """Put answers into the cache that it lacks, also those whose storing was interrupted."""
        if self.cause or self._writer is None:
            return
        try:
            self._writer.write()
        except Exception as error:  # noqa: BLE001 - the caller's mapping may raise anything; a disk may be full
            self._give_up(error, "keep")

    def settle(self) -> float | None:
        """Save if it is time to; return the seconds until it is, None if nothing waits for it."""
        wait = None if self.cause or self._writer is None else self._writer.due()
        if wait == 0:
            self.save()
            return None
        return wait

    def fail(self, requests: Sequence[Any], error: BaseException) -> list[Any]:
        """Note that a batch raised."""
        return self.keep(requests, Reply.raised(len(requests), error))

    def stop(self, reason: str) -> None:
        """Ask nothing more; the first reason counts."""
        self.stopped = self.stopped or reason

    def _give_up(self, error: Exception, what: str) -> None:
        self.cause = self.cause or error
        self.stop(f"asking stopped, as the cache can't {what} answers ({type(error).__name__}: {error})")

    def question(self, requests: Sequence[Any]) -> Any:
        """A batch as a batched function takes it: requests that were rendered as a list, coalitions as bool [m, k]."""
        if self.render:
            return list(requests)
        return np.array([self.plans[number].coalitions[row] for number, row in map(self._asked_by.__getitem__, requests)])

    def values(self) -> list[Array]:
        """The values of each plan's coalitions. Raises EvaluationError for missing ones, with all others in it."""
        found = self._found()
        if self.stopped or any(np.isnan(values).any() for values in found):
            raise self.error() from self.cause
        return found

    def _found(self) -> list[Values]:
        return [np.array([self.answers.get(item, np.nan) for item in requests]) for requests in self.needed]

    def error(self) -> EvaluationError:
        """What is missing and why, with everything else in it."""
        found = self._found()
        lost = [(number, row) for number, values in enumerate(found) for row in np.flatnonzero(np.isnan(values)).tolist()]
        failed = [(number, self.plans[number].members[row]) for number, row in lost]
        first = next((place for place, (number, row) in enumerate(lost) if self.needed[number][row] in self.faults), 0)
        number, coalition = failed[first] if lost else (0, None)
        reason = self.stopped
        if not reason:
            fault = self.faults.get(self.needed[number][lost[first][1]], "was not asked")
            reason = f"the utility {fault} for {self._called(number, lost[first][1])}"
        return EvaluationError(
            f"{reason}; {len(lost)} of {sum(map(len, found))} coalitions have no value. {KEPT}",
            coalition,
            self.plans[number].coalitions if self.plans else np.zeros((0, 0), np.bool_),
            found[number] if found else np.zeros(0),
            failed,
            dict(self.answers),
        )

    def _called(self, number: int, row: int) -> str:
        """A coalition: its members by their names, if the tree has any; else by their numbers, with what was asked for it."""
        plan, coalition = self.plans[number], self.plans[number].members[row]
        of_plan = f" of plan {number}" if len(self.plans) > 1 else ""
        names = plan.structure.tree.names if isinstance(plan, Plan) else None
        if names is None:
            asked = f", request {shown(self.needed[number][row])}" if self.render else ""
            return f"coalition {coalition}{of_plan}{asked}"
        return (f"the set {shown([names[i] for i in coalition])}" if coalition else "the empty set") + of_plan

    @contextmanager
    def reachable(self) -> Iterator[None]:
        """Keep the answers within reach after an interrupt: the cause of a KeyboardInterrupt or CancelledError holds them."""
        try:
            yield
        except Exception:
            raise
        except BaseException as interrupt:
            self.stop(f"asking was ended by {type(interrupt).__name__}")
            self.save()
            interrupt.__cause__ = self.error()
            raise


KEPT = (
    "All other answers are kept, in the .values and .answers of this error and in the cache, if there is one: evaluate again, "
    "with cache=error.answers or that cache, to ask only what is missing."
)


def _requests(plan: Asked, number: int, request: Request | None) -> Iterator[Hashable]:
    if request is None:
        yield from plan.members
        return
    for coalition in plan.members:
        item = request(number, coalition)
        try:
            refuse_awaitable(item)
            hash(item)
        except AsynchronousError:
            raise InputError(
                "request(number, coalition) is asynchronous, and must say at once what to ask: make it a plain function, and "
                "await inside the utility."
            ) from None
        except TypeError as error:
            raise InputError(
                f"request(number, coalition) must return texts or other hashable things; got {shown(item)}."
            ) from error
        yield item
