"""One line that credits the rows of a frame, of whatever library the frame is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from shapley_credit import semivalues
from shapley_credit.errors import MissingExtraError, install
from shapley_credit.rollouts.expression import Expression
from shapley_credit.semivalues import Semivalue
from shapley_credit.utility import Utility


def with_credit(
    frame: Any,
    utility: str | Expression | Callable[[Mapping[str, Any]], Utility],
    *,
    by: str | Sequence[str],
    credit: str = "credit",
    advantage: str | None = None,
    weights: Semivalue | Any = semivalues.shapley,
) -> Any:
    """Credit every row of a frame for its part in what its group is worth.

        phi_i = sum_{S without i} p_|S| [v(S + i) - v(S)],      S of the rows of the group of i,      A_i = (phi_i - b_i) / s_i.

    frame: one row a completion, in any order: a pandas, polars or Modin DataFrame, a pyarrow.Table, a Hugging Face Dataset, or
        any other eager frame that narwhals knows. Columns that are not used are not read.
    utility: text, "0.7 * Max(reward) + 0.3 * DistinctCount(answer)", names of `shapley_credit.utilities` called with names of
        columns, quoted where they are no identifiers; or a function of the columns, {name: array [rows]}, that returns a
        utility with one entry a row. Numbers come as NumPy arrays, lists of one length as [rows, length], all else as Arrow.
    by: the column of ids, equal within a group, or a list of columns; numbers, text, dates, lists of messages.
    credit: name of the new column. advantage: a baseline of `advantages`, "mean" or "leave_one_out", or one with a scale,
        "mean/group_std": a column `advantage` is added too. A column of either name that is there already is never replaced.
    weights: a semivalue, as `set_semivalue` takes it; by default Shapley.

    Returns a frame of the same library, its rows in place and its index kept, with the new columns last; credits are in the
        units of v, float32 where all scores are, else float64. The frame that was given is unchanged.
    Cost: one sort of the ids, and that of the family on each group; memory for the columns that are used.
    Raises InputError for columns that are missing, there twice or in the way, rows without an id, lazy frames, a utility that
        can't be read or split by rows, and as `set_semivalue` does; MissingExtraError without narwhals and pyarrow.

    >>> import polars as pl
    >>> import shapley_credit as sc
    >>> rows = pl.DataFrame({"prompt": ["a", "b", "a"], "reward": [1.0, 5.0, 3.0], "answer": ["7", "7", "8"]})
    >>> sc.with_credit(rows, "Max(reward) + 0.5 * DistinctCount(answer)", by="prompt")["credit"].to_list()
    [1.0, 5.5, 3.0]
    """
    try:
        from shapley_credit.rollouts import frame_kinds, step
    except ImportError as error:
        raise MissingExtraError(f"frames need {error.name}; {install('frames')}") from error
    columns, added = frame_kinds.opened(frame)
    return added(step.new_columns(columns, by, utility, credit, advantage, weights))
