"""A rule of one's own held to axioms."""

from __future__ import annotations

from collections.abc import Iterable

from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import shown, whole_number
from shapley_credit.testing.axioms import AXIOMS, CHARACTERISED, Asked, Rule
from shapley_credit.testing.comparing import read_tolerance
from shapley_credit.testing.random_games import check_size
from shapley_credit.testing.searching import smallest_fault


def check_axioms(
    rule: Rule,
    axioms: str | Iterable[str] = "shapley",
    *,
    k: int | None = None,
    grounded: bool = False,
    tolerance: float | None = None,
    examples: int = 25,
) -> None:
    """Raise AssertionError if a rule breaks an axiom, with its name and the smallest game that shows it.

    rule: a function of a game and k that returns k credits; a game is a function of a tuple of members. axioms: "shapley"
        (efficiency, symmetry, null player, linearity), "banzhaf" (total power, symmetry, dummy player, linearity), "semivalue"
        (anonymity, dummy player, linearity, monotonicity), or names of axioms, those and "additivity", "strong monotonicity".
    k: the number of members of all games; by default 1 to 4. grounded: only games with v(empty) = 0. tolerance: largest error
        relative to the largest value or credit; by default 1e-9, 1e-4 for credits in float32. examples: games of each size.

    Games are drawn by Hypothesis, the same in every run: what passes may still fail in games that were not drawn. Cost: at most
    three calls of the rule a game. Raises InputError for an axiom that it does not know.
    Source: Shapley (1953); Dubey & Shapley (1979); Dubey, Neyman & Weber (1981), semivalues; Young (1985).

    >>> import shapley_credit as sc
    >>> from shapley_credit.testing import check_axioms
    >>> check_axioms(sc.set_shapley)
    >>> check_axioms(lambda game, k: [game(range(k)) / k] * k, grounded=True)
    Traceback (most recent call last):
        ...
    AssertionError: null player: member 0 adds nothing to any coalition, but gets 0.5
    coalition  value
    (empty)        0
    0              0
    1              1
    0, 1           1
    credits: 0.5, 0.5
    """
    if not callable(rule):
        raise InputError(f"the rule must be a function of a game and k; got {shown(rule)}.")
    if k is not None:
        check_size(k)
    count, allowed = whole_number(examples, "examples", 1), read_tolerance(tolerance)
    for name in _named(axioms):
        for members in range(1, 5) if k is None else [k]:
            fault = smallest_fault(lambda draw: AXIOMS[name](Asked(rule, draw, members, grounded, allowed)), count)  # noqa: B023
            if fault is not None:
                raise AssertionError(f"{name}: {fault}")


def _named(axioms: str | Iterable[str]) -> tuple[str, ...]:
    known = ", ".join([*CHARACTERISED, *AXIOMS])
    if not isinstance(axioms, Iterable):
        raise InputError(f"axioms must be one of {known}, or a list of some; got {shown(axioms)}.")
    names = CHARACTERISED.get(axioms, (axioms,)) if isinstance(axioms, str) else tuple(axioms)
    for name in names:
        if not isinstance(name, str) or name not in AXIOMS:
            raise InputError(f"there is no axiom {shown(name)} here; there are {known}.")
    if not names:
        raise InputError("axioms is empty; name at least one.")
    return names
