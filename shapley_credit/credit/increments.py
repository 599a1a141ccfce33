"""What a rule of credit gives at each segment of a response, before reward to go adds it up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from shapley_credit.credit.arrays import numbers
from shapley_credit.credit.baselines import BASELINES, FROM_OTHERS, OF_OTHERS, SCALES, Batch, leave_one_out, of_others
from shapley_credit.credit.groups import read_batch
from shapley_credit.credit.layouts import agree
from shapley_credit.credit.segment_tables import Table, accumulated, given_back, in_order, is_last, order_of, to_go
from shapley_credit.errors import InputError

RULES = ("own", "to_go", "marginal")

# Baselines of rules that accumulate: those of whole responses, and one for each place.
TO_GO_BASELINES = (*(name for name in OF_OTHERS if name != "set_leave_one_out"), "place")


@dataclass(frozen=True)
class Rule:
    """A rule of credit by name; InputError for one that there is not. The parameters are those of `segment_advantages`."""

    name: str = "own"
    lam: float = 0.0
    baseline: str | None = None
    scale: str = "group_std"
    floor: float = 1e-3

    def __post_init__(self) -> None:
        if self.name not in RULES:
            raise InputError(f"the rule of credit must be one of {', '.join(RULES)}; got {self.name!r}.")
        if not 0.0 <= self.lam <= 1.0 or (self.lam and self.name != "marginal"):
            raise InputError(
                f"lam is the share of own credit beside rule 'marginal', from 0 to 1; got {self.lam!r} with {self.name!r}."
            )

    @property
    def share(self) -> float:
        """How much of the advantage is own credit; the rest is to go."""
        return {"own": 1.0, "to_go": 0.0, "marginal": float(self.lam)}[self.name]

    @property
    def below(self) -> str:
        """The baseline: by default the mean for own credit, by place for the others."""
        own = self.name == "own"
        return self.baseline or "mean" if own else of_others(self.baseline or "place", TO_GO_BASELINES)

    @property
    def below_whole(self) -> str:
        """The baseline of whole responses, of those of `advantages`."""
        return "leave_one_out" if self.below == "place" and self.name != "own" else self.below


class Part(NamedTuple):
    """What a rule gives at the segments of a table, [B, S], 0 for the absent."""

    table: Table
    matrix: Any

    def rows(self) -> list[Any]:
        """The same ragged, in the array library and computing dtype of the caller."""
        given = self.table.give_back(self.matrix)
        return [given[row, :size] for row, size in enumerate(self.table.sizes.tolist())]

    def accumulated(self) -> Part:
        """With every segment the sum of what is given at it and behind it."""
        return self._replace(matrix=accumulated(self.matrix))


def parts_of(
    rule: Rule,
    credit: Any,
    marginal: Any,
    groups: Any,
    *,
    rewards: Any = None,
    lengths: Any = None,
    times: Any = None,
    ends: Any = None,
) -> tuple[Part | None, Part | None]:
    """What a rule gives as own credit, and what it gives to go; None for a part that it does not have.

    credit, marginal, groups, rewards, lengths: as in `segment_advantages`; times, ends: as in `increments`.
    """
    own, ahead = _tables(rule, credit, marginal)
    either: Any = own if ahead is None else ahead
    order = order_of(either, ends)
    if rewards is not None:
        told = numbers(rewards, "rewards", either.values)
        if tuple(told.shape) != tuple(either.sizes.shape):
            raise InputError(
                f"rewards must hold one number for each of the {len(either.sizes)} responses; got {tuple(told.shape)}."
            )
        own = None if own is None else own.completed(told, 1.0 / own.count.clip(min=1.0)[:, None])
        ahead = None if ahead is None else ahead.completed(told, is_last(ahead, order))
        either = own if ahead is None else ahead
    batch = read_batch(either.totals, groups, rule.below_whole, rule.scale, rule.floor, lengths=lengths)
    factor = rule.share if times is None else rule.share * numbers(times, "times", either.values)[:, None]
    mine = None if own is None else factor * own.values
    later = None if ahead is None else (1.0 - rule.share) * to_go(ahead, order)
    over = _deviation(either, sum(part for part in (mine, later) if part is not None), batch, rule)
    # Nothing is learnt from a response that nobody can be compared with: what it is worth would stand in for its baseline.
    if ahead is not None and rule.below in (*FROM_OTHERS, "place"):
        over = either.xp.where(batch.of(either.totals).alone[:, None], float("inf"), over)
    first = second = None
    if own is not None:
        first = Part(own, own.masked((mine - factor * _own_baseline(own, rule.below_whole, batch)) / over))
    if ahead is not None:
        given = ahead.values - _steps(ahead, rule.below, batch, order)
        second = Part(ahead, ahead.masked((1.0 - rule.share) * given / over))
    return first, second


def _tables(rule: Rule, credit: Any, marginal: Any) -> tuple[Table | None, Table | None]:
    """The credits that are a segment's own, and those that are added up."""
    if (marginal is not None) != (rule.name == "marginal"):
        raise InputError(f"marginal contributions belong to rule 'marginal', which needs them; got rule {rule.name!r}.")
    if credit is None and (rule.name != "marginal" or rule.lam):
        raise InputError(f"rule {rule.name!r} with lam={rule.lam!r} needs the credits of segments.")
    own = Table.read(credit, "credit") if rule.share else None
    if rule.share == 1.0:
        return own, None
    ahead = Table.read(credit, "credit") if rule.name == "to_go" else Table.read(marginal, "marginal")
    if own is not None:
        agree(own.sizes, ahead.sizes, "credit", "credits but {} marginals")
    return own, ahead


def _deviation(table: Table, before: Any, batch: Batch, rule: Rule) -> Any:
    """s of each response, [B, 1]."""
    xp, shape = table.xp, table.values.shape
    everyone = replace(batch, codes=xp.broadcast_to(batch.codes[:, None], shape).reshape(-1), lengths=None)
    found = SCALES[rule.scale](everyone.of(xp.where(table.present, before, float("nan")).reshape(-1))).reshape(shape)[:, :1]
    return found if rule.scale == "none" else found.clip(min=rule.floor)


def _own_baseline(table: Table, baseline: str, batch: Batch) -> Any:
    """b_i w_ij with w_ij = 1 / S_i, [B, 1]."""
    return (BASELINES[baseline](batch.of(table.totals)) / table.count.clip(min=1.0))[:, None]


def _steps(table: Table, baseline: str, batch: Batch, order: Any) -> Any:
    """What reward to go adds up to the baseline of every decision, [B, S]: the baseline less that of the next one."""
    xp, width = table.xp, table.values.shape[1]
    if baseline == "place":
        below = _by_place(table, batch, order)
    else:
        below = xp.broadcast_to(BASELINES[baseline](batch.of(table.totals))[:, None], (len(order), width))
    place = xp.arange(width, device=table.values.device)
    below = xp.where(place < table.count[:, None], below, 0.0)
    following = xp.concatenate([below[:, 1:], below[:, :1] * 0.0], 1)
    return given_back(below - following, order)


def _by_place(table: Table, batch: Batch, order: Any) -> Any:
    """Of the j-th decision: the mean of what others get from theirs on; of their last one, where none has a j-th; [B, S]."""
    xp, ahead = table.xp, accumulated(in_order(table.values, order))
    place = xp.arange(ahead.shape[1], device=ahead.device)
    final = (ahead * (place == table.count[:, None] - 1.0)).sum(1)
    ended = leave_one_out(batch.of(xp.where(table.count > 0.0, final, float("nan"))))
    columns = []
    for j in range(ahead.shape[1]):
        there = batch.of(xp.where(table.count > j, ahead[:, j], float("nan")))
        columns.append(xp.where(there.alone, ended, leave_one_out(there)))
    return xp.stack(columns, 1)
