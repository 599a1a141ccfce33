"""Asking missing requests in batches, in this thread, on an executor or in an event loop: each answer is kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from shapley_credit.blackbox.claims import ABOVE
from shapley_credit.blackbox.replies import Reply, ask, raised
from shapley_credit.blackbox.requests import Ledger
from shapley_credit.inputs.answers import AsynchronousError, NotAwaitableError, shown
from shapley_credit.solve.callables import batched

if TYPE_CHECKING:
    from asyncio import Semaphore, TimerHandle

Batches = list[list[Any]]


@dataclass
class Asking:
    """How the requests of a ledger are asked: the function, batches, and how often a request is asked at most, `tries`."""

    value: Any
    ledger: Ledger
    batch_size: int
    tries: int
    backoff: float
    advance: Callable[[int], object]
    _timer: TimerHandle | None = None  # of an event loop, set while answers wait to be stored

    @property
    def above(self) -> tuple[str, ...]:
        """The evaluations in whose calls the function runs."""
        return (*ABOVE.get(), self.ledger.name)

    def here(self, requests: Sequence[Any]) -> None:
        """Ask in this thread; a function of one request is asked one by one, whatever the size of batches.

        Answers are stored before the next call: nothing could store them during it, and it may take long or end the process.
        """
        size, above = self.batch_size if isinstance(self.value, batched) else 1, self.above
        for batches in self._rounds(requests, size):
            left = []
            for batch in batches:
                if self.ledger.stopped:
                    return
                left.append(self._keep(batch, ask(self.value, self.question(batch), above)))
                self.ledger.save()
            batches[:] = left

    def on(self, executor: Executor, requests: Sequence[Any]) -> None:
        """Ask on an executor. When asking ends, batches that wait are cancelled; those that run are waited for, except after an
        interrupt."""
        for batches in self._rounds(requests, self.batch_size):
            done: SimpleQueue[Future[Reply]] = SimpleQueue()
            places: dict[Future[Reply], int] = {}
            left = [list(batch) for batch in batches]
            try:
                for place, batch in enumerate(batches):
                    try:
                        future = executor.submit(ask, self.value, self.question(batch), self.above)
                    except Exception as error:  # noqa: BLE001 - broken or shut down, it refuses work for good
                        self.ledger.stop(f"asking stopped, as the executor {raised(error)}")
                        break
                    places[future] = place
                    # Unlike `wait`, a callback is told of work that is cancelled before it began.
                    future.add_done_callback(done.put)
                for _ in range(len(places)):
                    future = self._first(done)
                    place = places[future]
                    left[place] = self._settled(future, batches[place])
                    if self.ledger.stopped:
                        _cancel(places)
            except BaseException:  # waits for nothing more, but keeps what is done
                _cancel(places)
                for future in _finished(done):
                    if not future.cancelled() and future.exception() is None:
                        self.ledger.keep(batches[places[future]], future.result())
                raise
            self.ledger.save()  # before the pause of a retry
            batches[:] = left

    def _first(self, done: SimpleQueue[Future[Reply]]) -> Future[Reply]:
        """What is done next; meanwhile, answers are stored when it is time to."""
        while True:
            with suppress(Empty):
                return done.get(timeout=self.ledger.settle())

    def _settled(self, future: Future[Reply], batch: list[Any]) -> list[Any]:
        """What is left of a batch. Raises InputError for a function that has to be awaited."""
        if future.cancelled():
            self.ledger.stop("asking stopped, as the executor cancelled work that it had taken: it was shut down")
            return batch
        error = future.exception()
        if isinstance(error, AsynchronousError) or (error is not None and not isinstance(error, Exception)):
            raise error
        if error is not None:
            return self.ledger.fail(batch, error)
        return self._keep(batch, future.result())

    async def awaited(self, gate: Semaphore, batch: list[Any]) -> None:
        """Ask a batch in the event loop; when it is cancelled, or the function can't be awaited, no other batch begins."""
        try:
            await self._awaited(gate, batch)
        except BaseException as error:
            self.ledger.stop(f"asking was ended by {type(error).__name__}")
            raise

    async def _awaited(self, gate: Semaphore, batch: list[Any]) -> None:
        import asyncio

        ABOVE.set(self.above)  # in a task, which has a context of its own
        for attempt, batches in enumerate(self._rounds(batch, self.batch_size, sleep=False)):
            if attempt:
                await asyncio.sleep(self.backoff * 2 ** (attempt - 1))
            left = []
            for part in batches:
                async with gate:
                    if self.ledger.stopped:
                        return
                    left.append(self._keep(part, await self._reply(part)))
                    if self._timer is None:
                        self._settle()
            batches[:] = left

    def _settle(self) -> None:
        """Store answers when it is time to, whatever the event loop then waits for."""
        import asyncio

        wait = self.ledger.settle()
        self._timer = None if wait is None else asyncio.get_running_loop().call_later(wait, self._settle)

    async def _reply(self, batch: list[Any]) -> Reply:
        try:
            waiting = self.value.function(self.question(batch)) if isinstance(self.value, batched) else self.value(batch[0])
        except Exception as error:  # noqa: BLE001 - the caller's function may raise anything
            return Reply.raised(len(batch), error)
        if not hasattr(type(waiting), "__await__"):
            raise NotAwaitableError(
                f"aevaluate and aestimate need an asynchronous function; this one returned {shown(waiting)}, which can't be "
                "awaited. Pass it to sc.evaluate or sc.estimate, or make it `async def`."
            )
        try:
            answer = await waiting
        except Exception as error:  # noqa: BLE001 - the caller's function may raise anything
            return Reply.raised(len(batch), error)
        return Reply.of(answer if isinstance(self.value, batched) else [answer], len(batch))

    def question(self, batch: Sequence[Any]) -> Any:
        """A batch as the function takes it."""
        return self.ledger.question(batch) if isinstance(self.value, batched) else list(batch)

    def _keep(self, batch: list[Any], reply: Reply) -> list[Any]:
        left = self.ledger.keep(batch, reply)
        self.advance(len(batch) - len(reply.faults))
        return left

    def _rounds(self, requests: Sequence[Any], size: int, sleep: bool = True) -> Iterator[Batches]:
        """Batches to ask, then what the asker left of them, `tries` times in all, with growing pauses.

        The last retry is one by one, so that no request fails because of another in its batch.
        """
        batches = cut(requests, size)
        for attempt in range(self.tries):
            if attempt and attempt == self.tries - 1:
                batches = [[item] for batch in batches for item in batch]
            if attempt and sleep:
                time.sleep(self.backoff * 2 ** (attempt - 1))
            yield batches
            batches = [batch for batch in batches if batch]
            if not batches or self.ledger.stopped:
                return


def cut(requests: Sequence[Any], size: int) -> Batches:
    """Batches of a size, the last one maybe smaller."""
    return [list(requests[start : start + size]) for start in range(0, len(requests), size)]


def _cancel(futures: dict[Future[Reply], int]) -> None:
    for future in futures:
        future.cancel()


def _finished(done: SimpleQueue[Future[Reply]]) -> Iterator[Future[Reply]]:
    while True:
        try:
            yield done.get_nowait()
        except Empty:
            return
