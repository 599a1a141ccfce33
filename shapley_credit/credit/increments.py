"""What a rule of credit gives at each segment of a response, before reward to go adds it up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from shapley_credit.credit.baselines import BASELINES, FROM_OTHERS, OF_OTHERS, SCALES, Batch, leave_one_out, of_others
from shapley_credit.credit.groups import read_batch
from shapley_credit.credit.segment_tables import Table, accumulated, given_back, in_order, is_last, order_of
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import number, one_of
from shapley_credit.inputs.tensors import numbers

RULES = ("own", "to_go", "marginal")

# Baselines of own credit: all that need no v(N - i), which only members of a set of responses have.
OWN_BASELINES = tuple(name for name in BASELINES if name != "set_leave_one_out")

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
        one_of(self.name, RULES, "the rule of credit")
        told = "lam is the share of own credit beside rule 'marginal', from 0 to 1"
        lam = number(self.lam, told, lambda share: 0.0 <= share <= 1.0)
        if lam and self.name != "marginal":
            raise InputError(f"{told}; got {self.lam!r} with {self.name!r}.")
        if self.name == "own":
            one_of(self.below, OWN_BASELINES, "the baseline of own credit")
        if self.below:
            one_of(self.scale, SCALES, "scale")

    @property
    def share(self) -> float:
        """How much of the advantage is own credit; the rest is to go."""
        return {"own": 1.0, "to_go": 0.0, "marginal": float(self.lam)}[self.name]

    @property
    def below(self) -> str:
        """The baseline: by default the mean for own credit, by place for the others."""
        if self.baseline is None:
            return "mean" if self.name == "own" else "place"
        return self.baseline if self.name == "own" else of_others(self.baseline, TO_GO_BASELINES)

    @property
    def below_whole(self) -> str:
        """The baseline of whole responses, of those of `advantages`."""
        return "leave_one_out" if self.below == "place" and self.name != "own" else self.below


class Part(NamedTuple):
    """What a rule gives at the segments of a table, [B, S], 0 for the absent."""

    table: Table
    matrix: Any

    def rows(self) -> list[Any]:
        """The rows without padding, in the array library and computing dtype of the caller."""
        given = self.table.give_back(self.matrix)
        return [given[row, :size] for row, size in enumerate(self.table.sizes.tolist())]

    def times(self, factor: Any) -> Part:
        return self._replace(matrix=self.matrix * factor)

    def accumulated(self) -> Part:
        """The part in which each segment has the sum of what is given at it and behind it."""
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

    credit, marginal, groups, rewards, lengths: as in `segment_advantages`; times, ends: as in `increments`. The rows of credit
    and marginal may differ in length.
    """
    own, ahead = _tables(rule, credit, marginal)
    either: Any = own if ahead is None else ahead
    told = either.totals if rewards is None else _read_rewards(rewards, either)
    batch = read_batch(told, groups, rule.below_whole, rule.scale, rule.floor, lengths=lengths)
    over, first, second = 0.0, None, None
    if own is not None:
        own = own.among(told)
        own = own if rewards is None else own.completed(told, 1.0 / own.count.clip(min=1.0)[:, None])
        factor = 1.0 if times is None else numbers(times, "times", own.values)[:, None]
        below = BASELINES[rule.below_whole](batch.of(told if rewards is not None else own.totals))
        # The baseline is subtracted in even shares. s is that with the mean as a baseline, whichever is subtracted.
        shares = factor / own.count.clip(min=1.0)[:, None]
        centred = factor * own.values - shares * batch.of(told).mean[:, None]
        over = over + rule.share * _deviation(own, centred, batch, rule)
        first = Part(own, own.masked(factor * own.values - shares * below[:, None]))
    if ahead is not None:
        ahead, order = ahead.among(told), order_of(ahead, ends)
        ahead = ahead if rewards is None else ahead.completed(told, is_last(ahead, order))
        steps = _steps(ahead, rule.below, batch.of(told if rewards is not None else ahead.totals), order)
        given = ahead.masked(ahead.values - steps)
        later = given_back(accumulated(in_order(ahead.values, order)), order)
        over = over + (1.0 - rule.share) * _deviation(ahead, later, batch, rule)
        second = Part(ahead, given)
    # A response that is alone in its group has nothing to be compared with: its own worth would stand in for its baseline.
    # Division by infinity gives it 0.
    if rule.name != "own" and rule.below in (*FROM_OTHERS, "place"):
        over = either.xp.where(batch.of(told).alone[:, None], float("inf"), over)
    return first and first.times(rule.share / over), second and second.times((1.0 - rule.share) / over)


def _read_rewards(rewards: Any, table: Table) -> Any:
    """R_i [B], NaN for the absent."""
    told = numbers(rewards, "rewards", table.values)
    if tuple(told.shape) != tuple(table.sizes.shape):
        raise InputError(f"rewards must hold one number for each of the {len(table.sizes)} responses; got {tuple(told.shape)}.")
    return told


def _tables(rule: Rule, credit: Any, marginal: Any) -> tuple[Table | None, Table | None]:
    """The table of own credits, and that of credits to go; None for one that the rule does not use."""
    if (marginal is not None) != (rule.name == "marginal"):
        raise InputError(f"marginal contributions belong to rule 'marginal', which needs them; got rule {rule.name!r}.")
    if credit is None and (rule.name != "marginal" or rule.lam):
        raise InputError(f"rule {rule.name!r} with lam={rule.lam!r} needs the credits of segments.")
    grown = None if marginal is None else Table.read(marginal, "marginal")
    if rule.name == "to_go":
        return None, Table.read(credit, "credit")
    own = Table.read(credit, "credit") if rule.share else None
    if own is not None and grown is not None and len(own.sizes) != len(grown.sizes):
        raise InputError(f"credit and marginal must have a row for each response; got {len(own.sizes)} and {len(grown.sizes)}.")
    return own, grown if rule.share < 1.0 else None


def _deviation(table: Table, paid: Any, batch: Batch, rule: Rule) -> Any:
    """s of each response, [B, 1]."""
    xp, shape = table.xp, table.values.shape
    everyone = replace(batch, codes=xp.broadcast_to(batch.codes[:, None], shape).reshape(-1), lengths=None)
    found = SCALES[rule.scale](everyone.of(xp.where(table.present, paid, float("nan")).reshape(-1))).reshape(shape)[:, :1]
    return found if rule.scale == "none" else found.clip(min=rule.floor)


def _steps(table: Table, baseline: str, batch: Batch, order: Any) -> Any:
    """What reward to go adds up to the baseline of every decision, [B, S]: the baseline less that of the next one.

    batch: of what whole responses get.
    """
    xp, width = table.xp, table.values.shape[1]
    if baseline == "place":
        below = _by_place(table, batch, order)
    else:
        below = xp.broadcast_to(BASELINES[baseline](batch)[:, None], (len(order), width))
    place = xp.arange(width, device=table.values.device)
    below = xp.where(place < table.count[:, None], below, 0.0)
    following = xp.concatenate([below[:, 1:], below[:, :1] * 0.0], 1)
    return given_back(below - following, order)


def _by_place(table: Table, batch: Batch, order: Any) -> Any:
    """Baselines [B, S] of the j-th decisions: the mean of what others get from their j-th on, or from their last if none has
    one.
    """
    xp, ahead = table.xp, accumulated(in_order(table.values, order))
    place = xp.arange(ahead.shape[1], device=ahead.device)
    final = (ahead * (place == table.count[:, None] - 1.0)).sum(1)
    ended = leave_one_out(batch.of(xp.where(table.count > 0.0, final, float("nan"))))
    columns = []
    for j in range(ahead.shape[1]):
        there = batch.of(xp.where(table.count > j, ahead[:, j], float("nan")))
        columns.append(xp.where(there.alone, ended, leave_one_out(there)))
    return xp.stack(columns, 1)
