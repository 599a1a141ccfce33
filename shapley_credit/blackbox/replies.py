"""What a user's function answers to a batch, in any process: numbers, and what is wrong with those that are none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from shapley_credit.blackbox.claims import ABOVE
from shapley_credit.errors import InputError
from shapley_credit.inputs.answers import AsynchronousError, Values, number_of, numbers_of
from shapley_credit.solve.callables import batched

# Faults of the program, or of where it runs, that the next call meets again. An answer of a wrong kind is none of them: a judge
# that writes its score may do so better the next time.
HOPELESS = (NameError, ImportError, SyntaxError, NotImplementedError)


def raised(error: BaseException) -> str:
    """What an error says, after "the utility"; the caller's may raise when it is asked."""
    try:
        told = str(error)
    except Exception:  # noqa: BLE001 - as above
        told = "an error that can't be printed"
    return f"raised {type(error).__name__}: {told}"


class Reply(NamedTuple):
    """The outcome of a batch: values [m], NaN where there is none, and why, place -> reason: texts, which any process reads.

    hopeless: places that are not asked again, as that would mend nothing.
    """

    values: Values
    faults: dict[int, str]
    hopeless: frozenset[int] = frozenset()

    @classmethod
    def failed(cls, count: int, reason: str) -> Reply:
        """A batch without any value."""
        return cls(np.full(count, np.nan), dict.fromkeys(range(count), reason))

    @classmethod
    def raised(cls, count: int, error: BaseException) -> Reply:
        """A batch whose call raised an error."""
        reply = cls.failed(count, raised(error))
        return reply._replace(hopeless=frozenset(range(count))) if isinstance(error, HOPELESS) else reply

    @classmethod
    def of(cls, answer: Any, count: int) -> Reply:
        """The values in what a function returned for a batch."""
        try:
            return cls(*numbers_of(answer, count))
        except AsynchronousError:
            raise
        except InputError as error:
            return cls.failed(count, str(error))


def ask(value: Any, question: Any, above: tuple[str, ...] = ()) -> Reply:
    """The answers of a batch, in any process: one call of a batched function, or one an item, each of which fails alone."""
    token = ABOVE.set(above)
    try:
        return _in_one(value.function, question) if isinstance(value, batched) else _one_by_one(value, question)
    finally:
        ABOVE.reset(token)


def _in_one(function: Callable[[Any], Any], question: Any) -> Reply:
    try:
        answer = function(question)
    except Exception as error:  # noqa: BLE001 - the caller's function may raise anything
        return Reply.raised(len(question), error)
    return Reply.of(answer, len(question))


def _one_by_one(function: Callable[[Any], Any], question: Sequence[Any]) -> Reply:
    values, faults, hopeless = np.full(len(question), np.nan), dict[int, str](), set[int]()
    for place, item in enumerate(question):
        try:
            answer = function(item)
        except Exception as error:  # noqa: BLE001 - the caller's function may raise anything
            faults[place] = raised(error)
            hopeless |= {place} if isinstance(error, HOPELESS) else set()
            continue
        try:
            values[place] = number_of(answer)
        except AsynchronousError:
            raise
        except InputError as error:
            faults[place] = str(error)
    return Reply(values, faults, frozenset(hopeless))
