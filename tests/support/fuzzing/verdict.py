"""What is right: credits by brute force, exact zeros, the same bits in any batch, dtypes and kinds; or a just refusal."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import shapley_credit as sc
from shapley_credit import Utility
from shapley_credit.inputs.fields import UNBOUNDED, Field
from shapley_credit.testing.instances import Array

from errors_seen import tolerance
from fuzzing import exact
from fuzzing.cases import Case, groups, host
from fuzzing.exact import Game
from fuzzing.refusals import absent, combined, condition, masks, reason_of


class Fault(AssertionError):
    """What the library did wrong: a kind, which tells faults apart, and a message."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind


@dataclass(frozen=True)
class Truth:
    """What brute force knows of a group.

    credits: None where there are too many sets. change: v(N) - v(empty). size: how far values and their conditions go.
    """

    credits: list[Fraction] | None
    change: Fraction
    size: Fraction


def judge(case: Case) -> str:
    """Run a case: 'right', or how it was refused. Raises Fault."""
    try:
        with strictly():
            credit, again, game = _solved_twice(case)
    except sc.InputError as error:
        reason = reason_of(case, str(error))
        if reason is None:
            raise Fault("refused", str(error)) from error
        return reason
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        raise Fault(f"{type(error).__name__} in {where.name}", f"{error}") from error
    _check_kind(case, credit, game)
    credit = host(credit)
    if not np.array_equal(credit, host(again), equal_nan=True):
        raise Fault("other bits when asked again", f"{credit} and {host(again)}")
    if case.way.refused or (case.way.refuses_absent and absent(case)):
        raise Fault("not refused", f"{credit}")
    if not np.isfinite(credit).all():
        raise Fault("not finite", f"{credit}")
    _check_absent(case, credit)
    _check_digits(case, credit)
    _check_bits(case, credit)
    return "right"


@contextmanager
def strictly() -> Iterator[None]:
    """Warnings are errors."""
    with warnings.catch_warnings(), np.errstate(all="warn", under="ignore"):
        warnings.simplefilter("error")
        yield


def _solved_twice(case: Case) -> tuple[Any, Any, Utility]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, about the arrays that it is given
        game = case.made()
    return case.solved(game), case.solved(game), game


def _check_kind(case: Case, credit: Any, game: Utility) -> None:
    library, dtype = type(credit).__module__.partition(".")[0], str(credit.dtype).rpartition(".")[2]
    if (library, dtype) != (case.library(), case.dtype().name):
        raise Fault("wrong kind", f"credits are {dtype} of {library}, not {case.dtype()} of {case.library()}")
    shape = np.broadcast_shapes(*(one.shape for _, one in case.undressed()))
    if not tuple(credit.shape) == (*shape, case.k) == (*game.shape, case.k):
        raise Fault("wrong shape", f"credits are {tuple(credit.shape)}, not {(*shape, case.k)}")
    if isinstance(credit, np.ndarray) and not credit.flags.writeable:
        raise Fault("not writeable", "credits are the caller's own to write to")


def _check_absent(case: Case, credit: Array) -> None:
    for mask in masks(case):
        if (np.where(mask, 0.0, credit) != 0).any():
            raise Fault("absent members are not 0", f"{credit} with mask {mask.tolist()}")


# Digits.


def _check_digits(case: Case, credit: Array) -> None:
    parts = case.undressed()
    shape = np.broadcast_shapes(*(game.shape for _, game in parts))
    for index in groups(shape):
        chosen = [(factor, game.over(shape)[index] if shape else game) for factor, game in parts]
        _check_group(case, chosen, [Fraction(x) for x in credit[index].tolist()], f" of group {list(index)}" if shape else "")


def _check_group(case: Case, parts: Sequence[tuple[float, Utility]], credit: list[Fraction], of: str) -> None:
    wholes = [(Fraction(factor), exact.exactly(game)) for factor, game in parts]
    game = combined(wholes)
    truth, kind = _truth(case, game, wholes), case.coarsest()
    floor = 64 * Fraction(float(np.finfo(kind).smallest_subnormal))
    if truth.credits is not None:
        wrong = max(abs(one - other) for one, other in zip(credit, truth.credits, strict=True))
        size, message = truth.size, f"{list(map(_shown, credit))} is not {list(map(_shown, truth.credits))}"
    elif case.way.efficient:
        wrong = abs(sum(credit) - truth.change)
        size, message = truth.size + sum(map(abs, credit)), f"{_shown(sum(credit))} is not {_shown(truth.change)}"
    else:
        return
    allowed, size = Fraction(tolerance(kind)), size + _unit(wholes)
    if wrong <= allowed * size + floor:
        return
    size += condition(case, wholes)
    if wrong > allowed * size + floor:
        raise Fault("wrong credits", f"{message}{of}; off by {_shown(wrong)} of {_shown(size)}")


def _unit(parts: Sequence[tuple[Fraction, Utility]]) -> Fraction:
    """The size of numbers that no data set: shares, chances and counts, and logarithms of how many there are."""
    found = Fraction(0)
    for factor, game in parts:
        unbounded = any(isinstance(spec, Field) and spec.domain in UNBOUNDED for spec in game.fields.values())
        if not unbounded or type(game).__name__ in exact.MOVED_BY_BASE:
            found += abs(factor)
    return found


def _truth(case: Case, game: Game, parts: Sequence[tuple[Fraction, Utility]]) -> Truth:
    everybody = tuple(range(case.k))
    present = [True] * case.k if (mask := parts[0][1].mask) is None else mask.tolist()
    credits = None if case.way.truth is None else case.way.truth(game, present)
    nothing = game(())
    asked = list(case.way.sets(case.k))
    size = max(abs(game(members) - nothing) for members in asked)
    if len(asked) < 1 << case.k:  # what the other sets are worth may cancel: numbers of the data stand for it
        size = max(size, _largest(parts))
    return Truth(credits, game(everybody) - nothing, size)


def _largest(parts: Sequence[tuple[Fraction, Utility]]) -> Fraction:
    """The largest number among the data of the terms, times their factors."""
    numbers = [
        abs(factor * Fraction(entry))
        for factor, game in parts
        for name in exact.real_fields(game)
        for entry in getattr(game, name).reshape(-1).tolist()
    ]
    return max(numbers, default=Fraction(0))


def _shown(number: Any) -> float | str:
    try:
        return float(number)
    except OverflowError:
        return "beyond floats"


# Bits.


def _check_bits(case: Case, credit: Array) -> None:
    """A group has the same credits alone, beside others, and in the opposite order."""
    lead = credit.shape[:-1]
    if not lead:
        other, back = case.shaped(_repeated), slice(3, 4)
    else:
        other, back = case.shaped(_reversed), slice(None, None, -1)
    with strictly():
        moved = host(case.solved(_undressed_game(other)))
    expected = credit[None] if not lead else credit
    if not np.array_equal(moved[back], expected):
        raise Fault("other bits in another batch", f"{moved[back]} is not {expected}")


def _undressed_game(case: Case) -> Any:
    parts = case.undressed()
    game: Any = parts[0][1]
    if len(parts) == 1 and parts[0][0] == 1.0:
        return game
    return sum((factor * game for factor, game in parts[1:]), start=parts[0][0] * game)


def _repeated(array: Array, tail: int) -> Array:
    return np.broadcast_to(array, (9, *array.shape)).copy()


def _reversed(array: Array, tail: int) -> Array:
    return array[::-1].copy() if array.ndim > tail else array
