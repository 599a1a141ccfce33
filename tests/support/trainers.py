"""Stand-ins for what trainers pass to an adapter."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from shapley_credit.adapters.processes import Processes


class Trainer:
    """What a reward function can see of TRL's trainer."""

    def __init__(self, num_generations: int, rank: int = 0, size: int = 1) -> None:
        self.num_generations, self.num_generations_eval = num_generations, 2
        self.model = SimpleNamespace(training=True)
        self.accelerator = SimpleNamespace(num_processes=size, process_index=rank)
        self.logged: dict[str, list[float]] = {}

    def log_metric(self, name: str, value: float) -> None:
        self.logged.setdefault(name, []).append(value)


class Together:
    """Threads that exchange what processes do, and count the bytes that they send each other."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.items: list[Any] = [None] * size
        self.barrier = threading.Barrier(size, timeout=30)
        self.boxes = {(a, b): queue.SimpleQueue[bytes]() for a in range(size) for b in range(size)}
        self.sent: list[tuple[int, int, bytes]] = []

    def process(self, rank: int) -> Processes:
        """One of the processes, which has joined already."""
        found = Processes()
        found.rank, found.size = rank, self.size
        found.join = lambda trainer: found  # type: ignore[method-assign]
        found.agree = lambda item: self.gather(rank, item)  # type: ignore[method-assign]
        found.exchange = lambda parts, sources: self.exchange(rank, parts, sources)  # type: ignore[method-assign]
        return found

    def exchange(self, rank: int, parts: Mapping[int, bytes], sources: Iterable[int]) -> dict[int, bytes]:
        for other, part in parts.items():
            self.sent.append((rank, other, part))
            self.boxes[rank, other].put(part)
        return {other: self.boxes[other, rank].get(timeout=30) for other in sources}

    def gather(self, rank: int, item: Any) -> list[Any]:
        self.items[rank] = item
        self.barrier.wait()
        found = list(self.items)
        self.barrier.wait()
        return found

    def run(self, work: Callable[[int], Any]) -> list[Any]:
        results: list[Any] = [None] * self.size

        def one(rank: int) -> None:
            try:
                results[rank] = work(rank)
            except BaseException:
                self.barrier.abort()
                raise

        threads = [threading.Thread(target=one, args=(rank,)) for rank in range(self.size)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results


@dataclass
class Sample:
    group_index: int | None = None
    index: int | None = None
    response: str = ""
    response_length: int = 0
    reward: float | dict[str, Any] | None = None
    loss_mask: list[int] | None = None
    remove_sample: bool = False
    metadata: dict[str, Any] = field(default_factory=dict)

    def get_reward_value(self, args: Any) -> Any:
        return self.reward if not args.reward_key else self.reward[args.reward_key]  # type: ignore[index]


ARGS = SimpleNamespace(reward_key=None, context_parallel_size=1)
