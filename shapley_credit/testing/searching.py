"""The smallest example of a fault, found and shrunk by Hypothesis, the same in every run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import Phase, find, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky, NoSuchExample

# Draws an example, tries it, and says what is wrong, None if nothing is.
Trial = Callable[[Callable[[st.SearchStrategy[Any]], Any]], str | None]


class FaultError(Exception):
    """A fault that ends a trial, in words."""


def smallest_fault(trial: Trial, examples: int) -> str | None:
    """The fault of the smallest example, None if there is none among so many."""
    found: list[str] = []

    def is_faulty(data: st.DataObject) -> bool:
        try:
            fault = trial(data.draw)
        except FaultError as error:
            fault = str(error)
        found[:] = [fault] if fault is not None else found
        return fault is not None

    # Another phase would explain examples, and trace every line for it.
    phases = (Phase.generate, Phase.shrink)
    quiet = settings(max_examples=examples, derandomize=True, database=None, deadline=None, phases=phases)
    try:
        find(st.data(), is_faulty, settings=quiet)
    except NoSuchExample:
        return None
    except Flaky:
        return f"{found[0]}\nand not when it is tried again: answers must not depend on chance, or on what was asked before"
    return found[0]


def called(function: Callable[[], Any], name: str, told: Callable[[], str]) -> Any:
    """What the function returns; a fault if it raises."""
    try:
        return function()
    except FaultError:
        raise
    except Exception as error:
        raise FaultError(f"{name} raised {type(error).__name__}: {error}{told()}") from error
