"""The numbers of a page: of rows their credit and what other rules would pay, of groups their worth, of steps a summary."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_credit import semivalues
from shapley_credit.credit.baselines import scaled, statistics
from shapley_credit.credit.concentration import concentration
from shapley_credit.credit.groups import read_batch
from shapley_credit.errors import InputError
from shapley_credit.inputs.partition import Partition, partition_of
from shapley_credit.report.page_rows import Rollouts, number_column
from shapley_credit.rollouts.columns import REWARDS, STEP
from shapley_credit.rollouts.expression import Expression
from shapley_credit.rollouts.step import new_columns, read_rule
from shapley_credit.rollouts.table_columns import Columns
from shapley_credit.solve.grouped import of_groups
from shapley_credit.utility import Utility

Floats = NDArray[np.float64]
OfColumns = Expression | Callable[[Mapping[str, Any]], Utility]

# The smallest divisor of an advantage, as `advantages` has it.
_FLOOR = 1e-3
# A name that no column has.
_NEW = "\ncredit"
RIVALS = {"Banzhaf": semivalues.banzhaf, "leave one out": semivalues.leave_one_out}


@dataclass
class Figures:
    """Numbers of rows [N], and of groups [G] in the order of `groups`.

    Attributes:
        groups: the rows of each group; those of a group by falling credit, groups by step, then by their first row.
        credit: [N].
        reward: [N], None if no column is called as a reward is.
        paid: [N] each by name: what other rules would pay, where there is a utility.
        advantage: [N] each: baseline, scale and advantage, or as much of it as the rows carry.
        value: [G], v(N); the sum of credits where there is no utility.
        gap: [G], |sum of credits - (v(N) - v(empty))|, None without a utility.
        step: [G], None if there is no column of that name.
    """

    groups: list[NDArray[np.intp]]
    credit: Floats
    reward: Floats | None
    value: Floats
    gap: Floats | None = None
    step: Floats | None = None
    paid: dict[str, Floats] = field(default_factory=dict)
    advantage: dict[str, Floats] = field(default_factory=dict)


def figures_of(
    rollouts: Rollouts, by: tuple[str, ...], utility: OfColumns | None, credit: str, advantage: str | None
) -> Figures:
    """The numbers of rows whose groups are named by columns `by`.

    utility: None where the rows carry a column `credit`, which is taken as it is in any case.
    Cost: that of three semivalues. Raises InputError as `with_credit`, for a group of several steps, and for a column that must
    be numbers and is not.
    """
    columns = rollouts.columns
    ids = columns.ids([*by])
    whole = partition_of(ids, columns.rows)
    recorded = credit in columns
    paid = number_column(rollouts, credit) if recorded else _paid(columns, by, utility, semivalues.shapley)
    reward = next((number_column(rollouts, name) for name in REWARDS if name in columns), None)
    step = _steps(rollouts, whole, by)
    found = Figures([], paid, reward, np.zeros(0), step=step)
    found.advantage = _advantages(rollouts, ids, paid, advantage)
    found.value = _totals(paid, whole, credit)
    if utility is not None:
        found.value, found.gap = _worth(_made(utility, columns), whole, found.value)
        found.paid = _rivals(whole, found.value, paid if reward is None else reward)
        found.paid |= {name: _paid(columns, by, utility, rule) for name, rule in RIVALS.items()}
    return _ordered(found, whole)


def _totals(paid: Floats, whole: Partition, credit: str) -> Floats:
    with np.errstate(over="ignore"):
        total = np.add.reduceat(paid[whole.rows], whole.starts)
    if not np.isfinite(total).all():
        raise InputError(f"the numbers of column {credit!r} in a group add up to more than float64 holds; scale them down.")
    return np.asarray(total, np.float64)


def _paid(columns: Columns, by: tuple[str, ...], utility: Any, rule: Any) -> Floats:
    found: Floats = new_columns(columns, by, utility, _NEW, None, rule)[_NEW].astype(np.float64)
    return found


def _made(utility: OfColumns, columns: Columns) -> Utility:
    return utility.utility(columns) if isinstance(utility, Expression) else utility(columns)


def _worth(made: Utility, whole: Partition, total: Floats) -> tuple[Floats, Floats]:
    """v(N) of each group of the partition, and how far the credits, which add up to `total`, are from v(N) - v(empty)."""
    value, empty = np.zeros((2, len(whole.starts)))
    place = {int(first): group for group, first in enumerate(whole.rows[whole.starts])}
    for rows in whole.by_size():
        groups = [place[int(first)] for first in rows[:, 0]]
        game = of_groups(made, rows)
        value[groups], empty[groups] = game.value(range(game.k)), game.value(())
    return value, np.abs(total - (value - empty))


def _rivals(whole: Partition, value: Floats, reward: Floats) -> dict[str, Floats]:
    """A shared reward pays everybody v(N); winner takes all pays it to the first row with the highest reward."""
    shared, winner = np.zeros((2, len(reward)))
    for worth, start, size in zip(value.tolist(), whole.starts.tolist(), whole.sizes.tolist(), strict=True):
        rows = whole.rows[start : start + size]
        shared[rows] = worth
        winner[rows[np.argmax(reward[rows])]] = worth
    return {"shared": shared, "winner takes all": winner}


def _advantages(rollouts: Rollouts, ids: NDArray[Any], credit: Floats, advantage: str | None) -> dict[str, Floats]:
    """A rule's baseline, scale and advantage; without a rule, those of them that the rows carry."""
    rule = read_rule(advantage)
    if rule is None:
        carried = ("baseline", "scale", "advantage")
        return {name: number_column(rollouts, name) for name in carried if name in rollouts.columns}
    batch = read_batch(credit, ids, *rule, _FLOOR).of(credit)
    baseline, scale = statistics(batch, *rule, _FLOOR)
    return {"baseline": baseline, "scale": scale, "advantage": scaled(batch, *rule, _FLOOR)}


def _steps(rollouts: Rollouts, whole: Partition, by: tuple[str, ...]) -> Floats | None:
    """The step of each group of the partition. Raises InputError for a group that has several."""
    if STEP not in rollouts.columns:
        return None
    step = number_column(rollouts, STEP)[whole.rows]
    low, high = np.minimum.reduceat(step, whole.starts), np.maximum.reduceat(step, whole.starts)
    if (low != high).any():
        group = int(np.argmax(low != high))
        raise InputError(
            f"the rows of a group have steps {low[group]:g} to {high[group]:g}, so that {' and '.join(by)} is asked again in "
            f"later steps; name the step too: by={[STEP, *by]}, or --by {STEP} --by {' --by '.join(by)}."
        )
    return low


def _ordered(found: Figures, whole: Partition) -> Figures:
    first = whole.rows[whole.starts]
    order = np.lexsort((first, first * 0 if found.step is None else found.step))
    for name in ("value", "gap", "step"):
        given = getattr(found, name)
        setattr(found, name, None if given is None else given[order])
    for group in order.tolist():
        rows = whole.rows[whole.starts[group] : whole.starts[group] + whole.sizes[group]]
        found.groups.append(rows[np.argsort(-found.credit[rows], kind="stable")])
    return found


def summary(found: Figures) -> dict[str, list[float | None]]:
    """Of each step, ascending: means over its groups of v(N) and of their `concentration`, and the largest gap.

    Groups whose credits are all 0 have no concentration, groups of one no entropy. Without steps all groups are one line.
    """
    step = np.zeros(len(found.groups)) if found.step is None else found.step
    parts = [concentration(found.credit[rows]) for rows in found.groups]
    lines: dict[str, list[float | None]] = {"step": [], "value": [], "entropy": [], "best": [], "gap": []}
    for each in np.unique(step).tolist():
        groups = np.flatnonzero(step == each)
        lines["step"].append(each)
        lines["value"].append(float(found.value[groups].mean()))
        for name, place in (("best", 0), ("entropy", 1)):
            known = [figure for group in groups.tolist() if (figure := parts[group][place]) is not None]
            lines[name].append(float(np.mean(known)) if known else None)
        lines["gap"].append(None if found.gap is None else float(found.gap[groups].max()))
    return lines
