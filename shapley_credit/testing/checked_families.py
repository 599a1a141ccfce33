"""A family of one's own held to its definition."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

import numpy as np
from hypothesis import strategies as st

from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import shown, whole_number
from shapley_credit.testing.comparing import read_tolerance
from shapley_credit.testing.family_checks import OF_ONE_GROUP, Check, Draw, Example, groups_are_apart
from shapley_credit.testing.instances import Instance, instances
from shapley_credit.testing.searching import FaultError, called, smallest_fault
from shapley_credit.utility import Utility

# The most members of a utility whose credits are found by brute force once more.
MOST = 10


def check_utility(
    family: type[Utility] | Utility | st.SearchStrategy[Utility], *, tolerance: float | None = None, examples: int = 10
) -> None:
    """Raise AssertionError if the credits of a family are not those of its definition, with the smallest example.

    family: a class, of which instances are drawn from its `fields`, with masks, groups, float32 and float64; or a utility, or a
        Hypothesis strategy of utilities, for a class whose arguments are more than numbers in their domains. tolerance: largest
        error relative to the largest value; by default 1e-9, and 1e-4 for float32. examples: instances a check and size.

    Checked by brute force over `definition`: Shapley, Banzhaf and Owen values; that absent members earn nothing and change
    nobody's value; that each group of a batch is the utility of its data alone; the dtype; that data are left as they were.
    Instances are the same in every run. Raises InputError for anything else than a family, for one whose constructor does not
    take its fields by name, and for utilities of more than 10 members.

    >>> from shapley_credit import utilities as u
    >>> from shapley_credit.testing import check_utility
    >>> check_utility(u.Max([1.0, 3.0, 2.0]))
    """
    count, allowed = whole_number(examples, "examples", 1), read_tolerance(tolerance)
    name = _name_of(family)
    for check, source in _plan(family):
        fault = smallest_fault(lambda draw: check(Example(*source(draw), allowed), draw), count)  # noqa: B023
        if fault is not None:
            raise AssertionError(f"{name}: {fault}")


Source = Callable[[Draw], tuple[Utility, Instance | None]]


def _plan(family: Any) -> list[tuple[Check, Source]]:
    """Every check with where its utilities come from; of each check few members first."""
    if isinstance(family, type):
        single = [(check, _drawn(family, k, ())) for check in OF_ONE_GROUP for k in range(1, 5)]
        return [*single, (groups_are_apart, _drawn(family, 2, (2,)))]
    drawn = st.just(family) if isinstance(family, Utility) else family
    return [(check, lambda draw: (_small(draw(drawn)), None)) for check in (*OF_ONE_GROUP, groups_are_apart)]


def _drawn(family: type[Utility], k: int, shape: tuple[int, ...]) -> Source:
    def source(draw: Draw) -> tuple[Utility, Instance]:
        instance = draw(instances(family, draw(st.sampled_from([np.float64, np.float32])), k, shape))
        words = ", ".join(f"{name}={_listed(value)}" for name, value in instance.data.items())
        utility = called(lambda: instance.utility, "making it", lambda: f"\nof {family.__name__}({words})")
        if not isinstance(utility, Utility) or utility.k != k or utility.shape != shape:
            raise FaultError(f"it should have {k} members and groups {shape}, but is {utility!r}")
        return utility, instance

    return source


def _listed(value: Any) -> str:
    return repr(value.tolist() if hasattr(value, "tolist") else value)


def _small(utility: Any) -> Utility:
    if not isinstance(utility, Utility):
        raise InputError(f"the strategy must draw utilities; it drew {shown(utility)}.")
    if 0 in utility.shape:
        raise InputError(f"check_utility takes utilities of one group or more; got {utility!r}.")
    if utility.k > MOST:
        raise InputError(f"check_utility takes utilities of at most {MOST} members; got {utility!r}.")
    return utility


def _name_of(family: Any) -> str:
    """What the family is called. Raises InputError for what is none, or can't be drawn by its fields."""
    if isinstance(family, Utility):
        return type(_small(family)).__name__
    if isinstance(family, st.SearchStrategy):
        return "a utility"
    if not (isinstance(family, type) and issubclass(family, Utility)):
        raise InputError(f"check_utility takes a class of utilities, a utility, or a strategy of them; got {shown(family)}.")
    taken = signature(family).parameters.keys()
    missing = [name for name in [*family.fields, "mask"] if name not in taken]
    if missing or not family.fields:
        raise InputError(
            f"{family.__name__} does not take {' and '.join(missing) or 'any field'} by name, so that no instances can be "
            "drawn from its fields; pass a strategy of utilities, hypothesis.strategies.builds(..), or one utility."
        )
    return family.__name__
