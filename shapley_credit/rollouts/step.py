"""The step that credits the rows of a table, Arrow in, Arrow out: what engines of tables call on whole groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from shapley_credit import semivalues
from shapley_credit.convert import to_host
from shapley_credit.credit.baselines import BASELINES, NEEDS
from shapley_credit.credit.groups import advantages
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import one_of, shown
from shapley_credit.rollouts.expression import Expression, read_expression
from shapley_credit.rollouts.table_columns import Columns, of_table
from shapley_credit.semivalues import Semivalue
from shapley_credit.utility import Utility
from shapley_credit.values import set_semivalue

# A utility of the columns of a table: one entry a row.
OfColumns = str | Expression | Callable[[Mapping[str, Any]], Utility]

ADVANTAGE = "advantage"
# Of the batch, batch_std is a matter of all rows: on one part of a table it would be another number.
_SCALES = ("none", "group_std")


def credited(
    table: pa.Table,
    *,
    by: str | Sequence[str],
    utility: OfColumns,
    credit: str = "credit",
    advantage: str | None = None,
    weights: Semivalue | Any = semivalues.shapley,
) -> pa.Table:
    """Credit every row of an Arrow table for its part in what its group is worth.

        phi_i = sum_{S without i} p_|S| [v(S + i) - v(S)],      S of the rows of the group of i,      A_i = (phi_i - b_i) / s_i.

    table: one row a member, in any order; only the columns that are used are read.
    by: the column, or columns, whose values are equal within a group: of any type, lists and structs too.
    utility: text that `read_expression` reads, or a function of the columns, {name: array [rows]} of `Columns`, that returns a
        utility with one entry a row.
    credit: name of the column that is added. A column of that name is never replaced.
    advantage: a baseline of `advantages` that needs nothing but credits, "mean", or with a scale, "mean/group_std": a column
        `advantage` is added too.
    weights: a semivalue, as `set_semivalue` takes it; by default Shapley.

    Returns the table with the same rows in the same order, and credits in the units of v, float32 where all scores are, else
        float64. A group sees its own rows alone, so that the same bits come from any part of a table that holds it whole.
    Cost: one sort of the ids, and that of the family on each group. An empty table gets empty columns.
    Raises InputError for columns that are missing, there twice or in the way, rows without an id, naming the first, and as
        `set_semivalue` does, with what the columns hold.

    >>> import pyarrow as pa
    >>> from shapley_credit.rollouts.step import credited
    >>> table = pa.table({"prompt": ["a", "b", "a"], "reward": [1.0, 5.0, 3.0]})
    >>> credited(table, by="prompt", utility="Max(reward)", advantage="mean").select(["credit", "advantage"]).to_pydict()
    {'credit': [0.5, 5.0, 2.5], 'advantage': [-1.0, 0.0, 1.0]}
    """
    if not isinstance(table, pa.Table):
        raise InputError(
            f"a pyarrow.Table is needed; got {type(table).__name__}. Other frames are for shapley_credit.with_credit."
        )
    columns, added = of_table(table)
    return added(new_columns(columns, by, utility, credit, advantage, weights))


def new_columns(
    columns: Columns, by: str | Sequence[str], utility: OfColumns, credit: str, advantage: str | None, weights: Any
) -> dict[str, NDArray[Any]]:
    """The columns that `credited` adds, by name."""
    rule = read_rule(advantage)
    of_columns = _read_utility(utility)
    for name in (credit, *([ADVANTAGE] if rule else [])):
        _check_free(name, columns, credit, rule)
    ids = columns.ids(_names_of(by))
    if not columns.rows:
        empty = np.empty(0, _dtype_of_none(of_columns, columns))
        return {credit: empty, **({ADVANTAGE: empty} if rule else {})}
    found = {credit: _credits(columns, of_columns, weights, ids)}
    if rule:
        baseline, scale = rule
        found[ADVANTAGE] = advantages(found[credit], ids, baseline=baseline, scale=scale)
    return found


def _credits(columns: Columns, utility: Any, weights: Any, ids: NDArray[Any]) -> NDArray[Any]:
    try:
        made = utility.utility(columns) if isinstance(utility, Expression) else utility(columns)
        if not isinstance(made, Utility):
            raise InputError(
                f"a function of the columns must return a utility, such as utilities.Max(columns['reward']); got {shown(made)}."
            )
        if made.k != columns.rows:
            raise InputError(
                f"the utility of a table has one entry for each of its {columns.rows} rows; got {made!r} of {made.k}."
            )
        return to_host(set_semivalue(made, weights, groups=ids), "the credits")
    except InputError as error:
        if not (told := columns.described()):
            raise
        # What a utility calls scores is a column of the caller's.
        raise InputError(f"{error} Columns read: {told}.") from error


def _dtype_of_none(utility: Any, columns: Columns) -> Any:
    """The type of the credits of no rows: that of one row of ones; a function is not asked, and may be float64."""
    if not isinstance(utility, Expression):
        return np.float64
    return utility.utility({name: _one(columns[name]) for name in utility.columns}).dtype or np.float64


def _one(column: Any) -> Any:
    if isinstance(column, np.ndarray):
        return np.ones((1, *column.shape[1:]), column.dtype)
    return np.ones((1, 1) if pa.types.is_nested(column.type) else 1, np.int64)


def _read_utility(utility: Any) -> Expression | Callable[..., Any]:
    if not (isinstance(utility, str | Expression) or callable(utility)):
        raise InputError(
            f"the utility of a table is text, 'Max(reward)', or a function of its columns; got {shown(utility)}. Of "
            "arrays that are at hand shapley_credit.set_shapley(utility, groups=ids) gives the credits."
        )
    return read_expression(utility) if isinstance(utility, str) else utility


def read_rule(advantage: str | None) -> tuple[str, str] | None:
    """(baseline, scale) of an advantage."""
    if advantage is None:
        return None
    baseline, _, scale = advantage.partition("/") if isinstance(advantage, str) else (advantage, "", "")
    if baseline in NEEDS:
        raise InputError(
            f"advantage={advantage!r} needs {NEEDS[baseline]} beside the credits; call shapley_credit.advantages on "
            "the column of credits, with the ids as groups."
        )
    told = ", alone or with a scale, as in mean/group_std"
    one_of(baseline, [name for name in BASELINES if name not in NEEDS], "the baseline of advantage", told)
    one_of(scale or "none", _SCALES, "the scale of advantage", "; one of the whole batch is for shapley_credit.advantages")
    return baseline, scale or "none"


def _names_of(by: Any) -> list[str]:
    names = [by] if isinstance(by, str) else list(by) if isinstance(by, list | tuple) else []
    if not names or not all(isinstance(name, str) for name in names):
        raise InputError(f"by names the column of ids, or a list of such columns; got {shown(by)}.")
    return names


def _check_free(name: Any, columns: Columns, credit: str, rule: Any) -> None:
    if not isinstance(name, str) or not name:
        raise InputError(f"credit must name the new column; got {shown(name)}.")
    if name in columns or (rule and credit == ADVANTAGE):
        way_out = "pass another name as credit=, or drop" if name == credit else "rename or drop"
        raise InputError(f"there is a column {name!r} already, and none is replaced; {way_out} that column first.")
