"""What each array of a kernel holds. Each form declares it for its functions in its `__init__.py`; other code reads it here."""

from __future__ import annotations

import importlib
import pkgutil
from functools import lru_cache
from typing import NamedTuple

# What an argument holds.
KINDS = {
    "real": "numbers of the floating dtype",
    "chance": "such numbers between 0 and 1",
    "key": "such numbers, which only order the members",
    "symmetric": "such numbers, the same at [i, j] and [j, i], 0 on the diagonal and wherever a member is absent",
    "rest": "the first argument less the second",
    "flag": "booleans",
    "label": "int64 that are compared only",
    "whole": "int64 that are counted with",
    "number": "no array, or one number a group, of whatever type the function says",
}

# What its axes are, after the first, which is that of the groups. Another order of the members permutes the axes K alone.
AXES = {
    "K": "the members",
    "R": "as many places as members: ranks, or numbers of other members",
    "L": "sizes, 0 to K",
    "V": "sets, 2^K bit masks",
    "E": "elements, games or grid points, any number of them",
    "P": "packed tokens, without an axis of groups",
    "T": "tokens",
}


class Argument(NamedTuple):
    """One argument of a kernel: the groups, then the axes.

    of_each: whether every group has its own, [B], as the first argument always has; else [B], or [1] where they share it.
    """

    kind: str
    axes: str
    of_each: bool


Game = dict[str, Argument]


def described(**games: dict[str, str]) -> dict[str, Game]:
    """The declared games, parsed: "real K E" is a kind and its axes; "real B K E" says that every group has its own array."""
    found: dict[str, Game] = {}
    for name, arguments in games.items():
        found[name] = {}
        for argument, text in arguments.items():
            kind, *axes = text.split()
            # The first argument tells the number of groups, and a rest is a difference from it.
            of_each = not found[name] or kind == "rest" or "B" in axes
            found[name][argument] = Argument(kind, "".join(axes).removeprefix("B"), of_each)
    return found


@lru_cache(maxsize=1)
def forms() -> dict[str, dict[str, Game]]:
    """The games of every form."""
    package = importlib.import_module(__package__)
    names = [each.name for each in pkgutil.iter_modules(package.__path__) if each.ispkg]
    modules = [importlib.import_module(f"{__package__}.{name}") for name in names]
    return {module.__name__.rpartition(".")[2]: module.GAMES for module in modules if hasattr(module, "GAMES")}


@lru_cache(maxsize=256)
def arguments(form: str, game: str) -> Game:
    """The arguments of one function."""
    found: Game = importlib.import_module(f"{__package__}.{form}").GAMES[game]
    return found


@lru_cache(maxsize=256)
def has_names(form: str, game: str) -> bool:
    """Whether an argument is a table of all sets: its bit masks name the members, so that no axis can be reordered."""
    return any("V" in argument.axes for argument in arguments(form, game).values())
