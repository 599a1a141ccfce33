"""Asking a utility for the coalitions of plans: every request once, in batches, anywhere, with nothing lost."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Coroutine, Iterator, MutableMapping, Sequence
from concurrent.futures import Executor
from concurrent.futures import wait as wait_for
from contextlib import contextmanager
from typing import Any

from shapley_credit.blackbox.asking import Asking, cut
from shapley_credit.blackbox.requests import Asked, Ledger, Request
from shapley_credit.errors import InputError, MissingExtraError, install
from shapley_credit.inputs.answers import shown
from shapley_credit.inputs.checks import whole_number
from shapley_credit.solve.callables import batched

BATCH = 64  # requests of one call by default: an interrupt loses no more than the call that runs


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
    request: a function from the number of a plan and a coalition to the request, for example the text left of a response;
        `batched` then takes a list of requests. Plans that share requests share answers.
    batch_size: requests in one call of `batched`, and in one piece of work of an executor, by default 64.
    executor: any `concurrent.futures.Executor`; the answers and their order are the same with each.
    cache: a mapping from requests to values, a dict or a `Cache` on disk. Requests that it holds are not asked, and answers
        are stored before the next call, or, where several calls run at a time, in groups, each within a second: after a crash
        only missing requests are asked. Evaluations of one process that share a cache ask each request once.
    retries, backoff: only requests without a finite answer are retried, each at most `retries` times, with exponential backoff
        from `backoff` seconds. The last retry is one by one, so that no request fails because of another in its batch. Nothing
        that raises NameError, ImportError, SyntaxError or NotImplementedError is retried.
    progress: show a bar (needs tqdm).

    Returns values [m], or a list of them for a sequence of plans. Cost: one call a batch, O(m k) for the rest.
    Raises InputError for plans of different k without `request` and for an asynchronous function (see `aevaluate`), and
    EvaluationError, which names the coalitions that failed and holds everything else, when all retries are spent, the cache
    can't keep an answer, or the executor drops its work. It is also the `__cause__` of an interrupt, KeyboardInterrupt say.

    >>> import shapley_credit as sc
    >>> plan = sc.plan(3)
    >>> words = ["exact", "fast", "fast"]
    >>> texts = lambda number, coalition: " ".join(words[i] for i in coalition)
    >>> plan.solve(sc.evaluate(len, plan, request=texts)).values
    array([5.66666667, 4.66666667, 4.66666667])
    """
    single, ledger = _open(value, plans, request, cache)
    size, tries = _read(batch_size, retries, backoff)
    with ledger.reachable(), _bar(len(ledger.missing), progress) as advance:
        asking = Asking(value, ledger, size, tries, backoff, advance)
        while not ledger.stopped:
            with ledger.turn() as turn:
                if executor is None:
                    asking.here(turn.mine)
                else:
                    asking.on(executor, turn.mine)
            if not turn.others:
                break
            wait_for(turn.others)  # another turn then asks what they got no answer for
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
    Others, values [m], cost and errors: as for `evaluate`. A CancelledError from anywhere ends all calls.

    >>> import asyncio
    >>> import shapley_credit as sc
    >>> async def size(coalition):
    ...     return len(coalition)
    >>> asyncio.run(sc.aevaluate(size, sc.plan(2)))
    array([0., 1., 1., 2.])
    """
    import asyncio

    single, ledger = _open(value, plans, request, cache)
    size, tries = _read(batch_size, retries, backoff)
    if whole_number(max_concurrency, "max_concurrency") < 1:
        raise InputError("max_concurrency must be at least 1; got 0.")
    gate = asyncio.Semaphore(max_concurrency)
    with ledger.reachable(), _bar(len(ledger.missing), progress) as advance:
        asking = Asking(value, ledger, size if isinstance(value, batched) else 1, tries, backoff, advance)
        while not ledger.stopped:
            with ledger.turn() as turn:
                await _together([asking.awaited(gate, batch) for batch in cut(turn.mine, asking.batch_size)])
            if not turn.others:
                break
            # Shielded: an evaluation that is cancelled while it waits for others cancels none of them.
            await asyncio.gather(*(asyncio.shield(asyncio.wrap_future(other)) for other in turn.others))
    values = ledger.values()
    return values[0] if single else values


async def _together(calls: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Await all calls; when one of them is cancelled or can't go on, all are ended."""
    import asyncio

    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def _open(
    value: Any, plans: Asked | Sequence[Asked], request: Request | None, cache: MutableMapping[Any, float] | None
) -> tuple[bool, Ledger]:
    single = isinstance(plans, Asked)
    many = [plans] if isinstance(plans, Asked) else plans
    if not callable(value) and not isinstance(value, batched):
        raise InputError(f"value must be a function or batched(function); got {value!r}.")
    if not isinstance(many, list | tuple) or not all(isinstance(plan, Asked) for plan in many):
        raise InputError(f"evaluate takes a Plan or a sequence of Plans; got {plans!r}.")
    if cache is not None and not (hasattr(cache, "get") and hasattr(cache, "__setitem__")):
        file = shown(os.fspath(cache)) if isinstance(cache, str | os.PathLike) else '"answers.db"'
        raise InputError(
            f"cache must be a mapping from requests to values, a dict or a Cache; got {shown(cache)}. For answers in a file "
            f'pass cache=sc.Cache({file}, name="judge", version="1").'
        )
    if request is None and len({plan.k for plan in many}) > 1:
        raise InputError("plans of different k need request=, which says what is asked for a coalition of each of them.")
    return single, Ledger(many, request, cache)


def _read(batch_size: int | None, retries: int, backoff: float) -> tuple[int, int]:
    """The size of batches, and how often a request is asked at most."""
    size = BATCH if batch_size is None else whole_number(batch_size, "batch_size")
    if size < 1:
        raise InputError("batch_size must be at least 1; got 0.")
    if not isinstance(backoff, int | float) or not 0 <= backoff < float("inf"):
        raise InputError(f"backoff must be a number of seconds >= 0; got {shown(backoff)}.")
    return size, whole_number(retries, "retries") + 1


@contextmanager
def _bar(total: int, progress: bool) -> Iterator[Callable[[int], object]]:
    if not progress:
        yield lambda count: None
        return
    try:
        from tqdm import tqdm
    except ImportError as error:
        raise MissingExtraError(f"progress=True needs tqdm; {install('progress')}") from error
    with tqdm(total=total, unit="coalition") as bar:
        yield bar.update
