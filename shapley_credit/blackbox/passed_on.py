"""Arguments that functions which ask hand on to `evaluate` or `aevaluate`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

# What to do instead of arguments that are expected and not taken.
WAYS = {
    "timeout": "Let your function raise TimeoutError after that time: the call is then retried.",
    "max_concurrency": "It is for asynchronous functions; executor= makes many calls of others at a time.",
    "executor": "max_concurrency= says how many calls are awaited at a time.",
    "request": "The requests are made by this function itself.",
}


def passed_on(given: Mapping[str, Any], caller: str, to: Callable[..., Any], *, own: tuple[str, ...] = ()) -> dict[str, Any]:
    """The arguments, all of which `to` takes by name. Raises TypeError in the words of the caller for others.

    own: names of arguments of `to` that the caller makes itself.
    """
    taken = [name for name, each in inspect.signature(to).parameters.items() if each.kind is each.KEYWORD_ONLY]
    known = [name for name in taken if name not in own]
    for name in given:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            way = WAYS.get(name, f"Did you mean {close[0]}?" if close else f"It hands on {', '.join(known)}.")
            raise TypeError(f"{caller}() got an unexpected keyword argument {name!r}. {way}")
    return dict(given)
