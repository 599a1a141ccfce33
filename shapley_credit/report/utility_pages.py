"""The utilities, listed and described by their own docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from shapley_credit import utilities
from shapley_credit.errors import InputError


def listed() -> Iterator[tuple[str, str]]:
    """Every utility and constructor of one, as an expression spells it, with the sentence that says what it is.

    >>> dict(listed())["Mean"]
    'Average score, v(S) = sum_{i in S} s_i / |S|, v(empty) = base.'
    """
    for name in sorted(utilities.__all__):
        family = getattr(utilities, name)
        yield name, _sentence(family)
        for other, made in vars(family).items():
            if isinstance(made, classmethod) and not other.startswith("_"):
                yield f"{name}.{other}", _sentence(getattr(family, other))


def described(name: str) -> str:
    """How a utility is called, and all that its docstring says. Raises InputError for an unknown one, with the nearest.

    >>> print(described("Mean").partition(chr(10))[0])
    Mean(scores, base=0.0, *, mask=None)
    """
    known = [each for each, _ in listed()]
    if name not in known:
        folded = {each.casefold(): each for each in known}
        close = get_close_matches(name.casefold(), folded, n=1)
        hint = f"did you mean {folded[close[0]]}?" if close else "shapley-credit utilities lists them."
        raise InputError(f"there is no utility {name!r}; {hint}")
    thing: Any = utilities
    for part in name.split("."):
        thing = getattr(thing, part)
    parameters = inspect.signature(thing)
    plain = parameters.replace(
        parameters=[each.replace(annotation=each.empty) for each in parameters.parameters.values()],
        return_annotation=parameters.empty,
    )
    return f"{name}{plain}\n\n{inspect.getdoc(thing)}"


def _sentence(thing: Any) -> str:
    """The first sentence of a docstring, on one line."""
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())
