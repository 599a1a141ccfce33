"""Asking a utility for the coalitions of plans: every request once, in batches, anywhere, with nothing lost."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping, Sequence
from concurrent.futures import Executor, Future
from concurrent.futures import wait as wait_for
from contextlib import contextmanager
from typing import Any

from numpy.typing import NDArray

from shapley_credit.blackbox.functions import batched
from shapley_credit.blackbox.plan import read_count
from shapley_credit.blackbox.requests import Asked, Ledger, Request, ask
from shapley_credit.errors import InputError, MissingExtraError

Array = NDArray[Any]


def evaluate(
    value: Any,
    plans: Asked | Sequence[Asked],
    *,
    request: Request | None = None,
    batch_size: int | None = None,
    executor: Executor | None = None,
    cache: MutableMapping[Any, float] | None = None,
    retries: int = 2,
    backoff: float = 1.0,
    progress: bool = False,
) -> Any:
    """Values v(S) of the coalitions of a plan, or of many plans at once, asking for equal requests once.

    value: a function of one request, or `batched(f)` of many. Without `request` a request is a coalition: a tuple of members,
        for `batched` bool [m, k].
    plans: of `sc.plan`, or the `Prefixes` of orders.
    request: from the number of a plan and a coalition to what is asked, for example the text left of a response; `batched`
        then takes a list of them. Plans that share requests share answers.
    batch_size: requests in one call; by default all in one without an executor, and 64 with one.
    executor: any `concurrent.futures.Executor`; the answers and their order are the same with each.
    cache: a mapping from requests to values, a dict or a `blackbox.Cache` on disk: what it knows is not asked, and a batch is
        stored as soon as it is answered, so that after a crash only what is missing is asked.
    retries, backoff: a batch that raises or answers junk is asked again, what was junk of it, after `backoff` seconds and then
        twice as many.
    progress: show a bar (needs tqdm).

    Returns values [m], or a list of them for a sequence of plans. Cost: one call a batch, O(m k) for the rest.
    Raises InputError for plans of different k without `request`, and EvaluationError, which names the coalitions that
    failed and holds everything else, when all retries are spent.

    >>> import shapley_credit as sc
    >>> plan = sc.plan(3)
    >>> words = ["exact", "fast", "fast"]
    >>> texts = lambda number, coalition: " ".join(words[i] for i in coalition)
    >>> plan.solve(sc.evaluate(len, plan, request=texts)).values
    array([5.66666667, 4.66666667, 4.66666667])
    """
    single, ledger = _open(value, plans, request, cache)
    batches = _batches(ledger.missing, batch_size, 64 if executor is not None else None)
    with _bar(len(ledger.missing), progress) as advance:
        for attempt in range(read_count(retries, "retries") + 1):
            if attempt and batches:
                time.sleep(backoff * 2 ** (attempt - 1))
            failed = _run(value, ledger, batches, executor, advance)
            batches = [batch for batch in failed if batch]
            if not batches:
                break
    values = ledger.values()
    return values[0] if single else values


async def aevaluate(
    value: Callable[[Any], Awaitable[Any]] | batched,
    plans: Asked | Sequence[Asked],
    *,
    request: Request | None = None,
    batch_size: int | None = None,
    max_concurrency: int = 32,
    cache: MutableMapping[Any, float] | None = None,
    retries: int = 2,
    backoff: float = 1.0,
    progress: bool = False,
) -> Any:
    """As `evaluate`, for an asynchronous function: at most `max_concurrency` calls are awaited at a time.

    value: an async function of one request, or `batched` of an async function of many.
    batch_size: requests in one call of a batched function, by default 64.
    Others, values [m], cost and errors: as for `evaluate`.

    >>> import asyncio
    >>> import shapley_credit as sc
    >>> async def size(coalition):
    ...     return len(coalition)
    >>> asyncio.run(sc.aevaluate(size, sc.plan(2)))
    array([0., 1., 1., 2.])
    """
    import asyncio

    single, ledger = _open(value, plans, request, cache)
    if read_count(max_concurrency, "max_concurrency") < 1:
        raise InputError("max_concurrency must be at least 1; got 0.")
    gate = asyncio.Semaphore(max_concurrency)
    many = isinstance(value, batched)
    call: Callable[[Any], Awaitable[Any]] = value.function if isinstance(value, batched) else value
    tries = read_count(retries, "retries") + 1

    async def settle(batch: Sequence[Any], advance: Callable[[int], object]) -> None:
        left = list(batch)
        for attempt in range(tries):
            if attempt:
                await asyncio.sleep(backoff * 2 ** (attempt - 1))
            before = len(left)
            try:
                async with gate:
                    answer = await call(ledger.question(left)) if many else [await call(left[0])]
            except Exception as error:  # noqa: BLE001 - the caller's function may raise anything
                left = ledger.fail(left, error)
            else:
                left = ledger.keep(left, answer)
            advance(before - len(left))
            if not left:
                break

    with _bar(len(ledger.missing), progress) as advance:
        batches = _batches(ledger.missing, batch_size, 64) if many else [[item] for item in ledger.missing]
        await asyncio.gather(*(settle(batch, advance) for batch in batches))
    values = ledger.values()
    return values[0] if single else values


def _open(
    value: Any, plans: Asked | Sequence[Asked], request: Request | None, cache: MutableMapping[Any, float] | None
) -> tuple[bool, Ledger]:
    single = isinstance(plans, Asked)
    many = [plans] if isinstance(plans, Asked) else plans
    if not callable(value) and not isinstance(value, batched):
        raise InputError(f"value must be a function or batched(function); got {value!r}.")
    if not isinstance(many, list | tuple) or not all(isinstance(plan, Asked) for plan in many):
        raise InputError(f"evaluate takes a Plan or a sequence of Plans; got {plans!r}.")
    if request is None and len({plan.k for plan in many}) > 1:
        raise InputError("plans of different k need request=, which says what is asked for a coalition of each of them.")
    return single, Ledger(many, request, cache)


def _batches(missing: Sequence[Any], batch_size: int | None, default: int | None) -> list[list[Any]]:
    size = default or max(len(missing), 1) if batch_size is None else read_count(batch_size, "batch_size")
    if size < 1:
        raise InputError("batch_size must be at least 1; got 0.")
    return [list(missing[start : start + size]) for start in range(0, len(missing), size)]


def _run(
    value: Any, ledger: Ledger, batches: Sequence[Sequence[Any]], executor: Executor | None, advance: Callable[[int], object]
) -> list[list[Any]]:
    """Ask all batches once, storing each as it comes; return what is left of each of them."""
    left: list[list[Any]] = [[] for _ in batches]

    def settle(place: int, answer: Callable[[], Any]) -> None:
        try:
            found = answer()
        except Exception as error:  # noqa: BLE001 - the caller's function may raise anything
            left[place] = ledger.fail(batches[place], error)
        else:
            left[place] = ledger.keep(batches[place], found)
        advance(len(batches[place]) - len(left[place]))

    if executor is None:
        for place, batch in enumerate(batches):
            settle(place, lambda batch=batch: ask(value, _question(value, ledger, batch)))  # type: ignore[misc]
        return left
    places: dict[Future[Any], int] = {}
    for place, batch in enumerate(batches):
        try:
            places[executor.submit(ask, value, _question(value, ledger, batch))] = place
        except Exception as error:  # noqa: BLE001 - a broken executor refuses work; what it did is kept
            left[place] = ledger.fail(batch, error)
    pending = set(places)
    while pending:
        done, pending = wait_for(pending, return_when="FIRST_COMPLETED")
        for future in sorted(done, key=places.__getitem__):
            settle(places[future], future.result)
    return left


def _question(value: Any, ledger: Ledger, batch: Sequence[Any]) -> Any:
    return ledger.question(batch) if isinstance(value, batched) else list(batch)


@contextmanager
def _bar(total: int, progress: bool) -> Iterator[Callable[[int], object]]:
    if not progress:
        yield lambda count: None
        return
    try:
        from tqdm import tqdm
    except ImportError as error:
        raise MissingExtraError("progress=True needs tqdm; run: pip install 'shapley-credit[progress]'.") from error
    with tqdm(total=total, unit="coalition") as bar:
        yield bar.update
