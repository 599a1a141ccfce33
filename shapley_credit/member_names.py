"""What members are called: one string each, given, read from nested lists, or cut out of a text."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from typing import Any

from shapley_credit.errors import InputError


def numbered(paths: dict[Any, Any]) -> tuple[dict[int, Any], list[str] | None]:
    """Paths by index, and the names of the members if nested lists held names. Raises InputError for names beside indices."""
    names = [member for member in paths if isinstance(member, str)]
    if not names:
        return paths, None
    if len(names) < len(paths):
        raise InputError(
            f"a coalition tree is made of member indices and sequences of them; got {names[0]!r}. Name all members, or none."
        )
    return dict(enumerate(paths.values())), names


def span_texts(members: Sequence[tuple[int, int]], text: str) -> list[str]:
    """The text of each member. Raises InputError for spans outside the text."""
    for place, (start, end) in enumerate(members):
        if start < 0 or end > len(text):
            raise InputError(f"member {place}, span ({start}, {end}), is not within the text of {len(text)} characters.")
    return [text[start:end] for start, end in members]


def read_names(names: Any, k: int) -> tuple[str, ...]:
    """One string a member. Raises InputError for all else."""
    given = names.tolist() if hasattr(names, "tolist") else names
    if not isinstance(given, list | tuple):
        raise InputError(f"names must be a list of {k} strings, one a member; got {reprlib.repr(names)}.")
    if len(given) != k:
        raise InputError(f"names must be {k} strings, one a member; got {len(given)}.")
    for place, name in enumerate(given):
        if not isinstance(name, str):
            raise InputError(f"name {place} of names must be a string; got {reprlib.repr(name)} of type {type(name).__name__}.")
    return tuple(given)
