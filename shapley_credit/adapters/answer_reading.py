"""From what a user's rule returns for one group to an `Answer`, with the reasons why it can't be one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shapley_credit.adapters.rule_answers import OUTSIDE, Answer, Rows
from shapley_credit.convert import to_numpy
from shapley_credit.credit.increments import Rule
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import shown, whole_numbers
from shapley_credit.inputs.fields import refuse_none


def read_answer(answer: Any, masks: Sequence[Any], rule: Rule) -> Answer:
    """What a user's rule returned for completions with these masks, or InputError that says what is wrong with it."""
    parts = {name: _rows(rows, name) for name, rows in _named(answer, len(masks), rule).items()}
    # A truncated completion that the trainer masks has no trainable token left.
    for name in {"segment_lengths", "marginal_lengths"} & parts.keys():
        parts[name] = [row if any(mask) else [0] * len(row) for row, mask in zip(parts[name], masks, strict=True)]
    found = Answer(
        credit=parts.get("segment_credit"),
        marginal=parts.get("segment_marginal"),
        lengths=parts["segment_lengths"],
        order=parts.get("segment_order"),
        marginal_lengths=parts.get("marginal_lengths"),
    )
    for part in (found.credit, None if found.marginal_lengths else found.marginal):
        if found.order is not None and part is not None:
            _check_order(found.order, found.lengths, part)
    return found


def _named(answer: Any, rows: int, rule: Rule) -> dict[str, Any]:
    """What a rule returned, by name: as a tuple, or as a dict, which may hold more."""
    names = ("segment_credit", "segment_lengths", *("segment_marginal",) * (rule.name == "marginal"))
    more = ("segment_order", *("marginal_lengths",) * bool(rule.lam))
    # Marginal credit that is not mixed reads no phi, which may be None.
    unused = rule.name == "marginal" and not rule.lam
    positional = isinstance(answer, tuple) and len(answer) == len(names)
    told = dict(zip(names, answer, strict=True)) if positional else answer
    given = {name: part for name, part in told.items() if part is not None} if isinstance(told, Mapping) else {}
    if unused:
        given.pop("segment_credit", None)
    counts = {name: _count(part) for name, part in given.items()}
    missing, unknown = set(names[unused:]) - given.keys(), given.keys() - {*names, *more}
    if missing or unknown or set(counts.values()) != {rows}:
        got = ", ".join(f"{name} of {count} rows" for name, count in counts.items()) or shown(answer)
        raise InputError(
            f"a rule returns ({', '.join(names)}), or a dict of these and {', '.join(more)}, each with {rows} rows"
            f"{' (segment_credit may be None)' if unused else ''}; got {got}."
        )
    return given


def _count(rows: Any) -> int | None:
    try:
        return len(rows)
    except TypeError:
        return None


def _rows(rows: Any, name: str) -> Rows:
    refuse_none(list(rows), name, "Have a number for every segment")
    arrays = [to_numpy(row, name)[0] for row in rows]
    for place, array in enumerate(arrays):
        if array.ndim != 1:
            raise InputError(f"row {place} of {name} must be numbers in a row; got {shown(rows[place])}.")
    return [array.tolist() for array in arrays]


def _check_order(order: Rows, lengths: Rows, rows: Rows) -> None:
    for place, (owners, tokens, row) in enumerate(zip(order, lengths, rows, strict=True)):
        named = whole_numbers(owners, "segment_order", "integers, -1 for text that belongs to no segment")
        if len(named) != len(tokens):
            raise InputError(
                f"row {place} of segment_order has {len(named)} entries but {len(tokens)} segment_lengths; it must name the "
                "segment of each stretch of tokens."
            )
        wrong = (named < OUTSIDE) | (named >= len(row))
        if wrong.any():
            raise InputError(
                f"row {place} of segment_order names segment {named[wrong][0]}; there are {len(row)}, numbered from 0, and -1 "
                "marks text that belongs to none."
            )
