"""Functions that other processes are asked to call."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import shapley_credit as sc

WORDS = ["the", "answer", "is", "is", "42", "."]


def text(number: int, coalition: tuple[int, ...]) -> str:
    """What is left of the words."""
    return " ".join(WORDS[i] for i in coalition)


def score(request: str) -> float:
    """A number that has no exact float."""
    return len(request) / 7 + sum(map(ord, request)) % 11 / 3


def scores(requests: list[str]) -> list[float]:
    """One for each."""
    return [score(request) for request in requests]


def fatal(mark: str, request: str) -> float:
    """Kills its process in the middle of the work, once: whoever makes the mark first."""
    time.sleep(0.01)
    if request == "the answer 42 .":
        try:
            Path(mark).touch(exist_ok=False)
        except FileExistsError:
            return score(request)
        os.kill(os.getpid(), signal.SIGKILL)
    return score(request)


def dies_at_42(request: str) -> float:
    """Kills its process once it sees the answer."""
    if request == "the answer 42":
        os.kill(os.getpid(), signal.SIGKILL)
    return score(request)


def fails_at_42(request: str) -> float:
    """Raises for one request."""
    if request == "the answer 42 .":
        raise ConnectionError("call 32")
    return score(request)


def size(coalition: tuple[int, ...]) -> float:
    """How many there are."""
    return float(len(coalition))


async def later(coalition: tuple[int, ...]) -> float:
    """How many there are, after a while."""
    return size(coalition)


def squares(coalitions: Any) -> Any:
    """The squares of sizes."""
    return coalitions.sum(axis=1) ** 2


@sc.batched
def marked(coalitions: Any) -> Any:
    """A function whose name is that of its mark."""
    return coalitions.sum(axis=1) ** 2
