"""Work that may hang, and what evaluations leave behind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from shapley_credit.blackbox.claims import _held

Members = tuple[int, ...]
LIMIT = 20.0  # seconds after which something hangs


def within(work: Callable[[], Any]) -> Any:
    """The result of some work, or a failure where it hangs."""
    box: list[Any] = []

    def run() -> None:
        try:
            box.append(work())
        except BaseException as error:  # noqa: BLE001 - handed to the test
            box.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(LIMIT)
    assert not thread.is_alive(), "it hangs"
    if isinstance(box[0], BaseException):
        raise box[0]
    return box[0]


@pytest.fixture(autouse=True)
def _nobody_holds_a_request_afterwards() -> Iterator[None]:
    yield
    assert not _held


def size(coalition: Members) -> float:
    return float(len(coalition))
