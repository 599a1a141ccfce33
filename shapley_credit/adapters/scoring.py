"""What the hooks of all frameworks share: the credit of one whole group, and figures that tell whether credit is sound."""

from __future__ import annotations

from inspect import isawaitable
from typing import Any

import numpy as np

from shapley_credit import semivalues
from shapley_credit.convert import to_numpy
from shapley_credit.credit.concentration import concentration
from shapley_credit.errors import InputError
from shapley_credit.semivalues import Semivalue
from shapley_credit.solve.utility_argument import as_utility, is_function, tabulated
from shapley_credit.utility import Utility
from shapley_credit.values import marginal_vector, set_semivalue

Figures = dict[str, float]

RESIDUAL, BEST, ENTROPY = "credit/efficiency_residual", "credit/best_share", "credit/entropy"


def group_credit(utility: Any, k: int, semivalue: Semivalue = semivalues.shapley) -> tuple[list[float], Figures]:
    """What each of the k members of one group is owed, and the figures of that credit.

    utility: what `set_shapley` takes: a utility of one group, a table of 2**k values, or a function of a tuple of members,
        which is asked for each of 2**k sets once. It must not be an awaitable: the caller awaits an async function first.

    >>> from shapley_credit import utilities as u
    >>> from shapley_credit.adapters.scoring import group_credit
    >>> group_credit(u.Max([8.0, 11.0, 13.0, 18.0]), 4)[0]
    [2.0, 3.0, 4.0, 9.0]
    """
    if isawaitable(utility):
        if hasattr(utility, "close"):
            utility.close()  # or Python warns that it was never awaited
        raise InputError("the set utility is async behind a lambda, partial or decorator; declare it with `async def` itself.")
    asked: Any = semivalue
    if asked in ("marginal", marginal_vector):
        raise InputError(
            "completions of one prompt are written side by side and have no order; marginal credit is for the segments of one "
            "response. Pass a semivalue, such as semivalues.leave_one_out."
        )
    # A function is asked once for each coalition: its credit and its worth come from the same values.
    game: Utility = tabulated(utility, k) if is_function(utility, k) else as_utility(utility, k)
    if game.shape:
        raise InputError(f"a set utility is asked for one group of {k} members at a time; got one of {game.shape} groups.")
    credit = to_numpy(set_semivalue(game, semivalue, k), "credit")[0]
    return [float(share) for share in credit], credit_figures(credit, float(game.value(range(k))) - float(game.value(())))


def group_rewards(utility: Any, k: int, semivalue: Semivalue = semivalues.shapley) -> tuple[list[float | None], list[Figures]]:
    """`group_credit` as rewards of a trainer that leaves out rewards of None.

    They are None for a group whose utility is None, and for members that the mask of the utility marks as absent.
    """
    if utility is None:
        return [None] * k, []
    credit, figures = group_credit(utility, k, semivalue)
    mask = getattr(utility, "mask", None)
    present = [True] * k if mask is None else to_numpy(mask, "mask")[0].tolist()
    return [share if there else None for share, there in zip(credit, present, strict=True)], [figures]


def credit_figures(credit: Any, worth: float) -> Figures:
    """Figures of the credits [k], NaN for the absent, for a set that is worth v(N) - v(empty): three lines of a training log.

    credit/efficiency_residual    |sum_i phi_i - worth|, 0 for credit that adds up
    credit/best_share             max_i phi_i / sum_i |phi_i|, 1 when the best takes all
    credit/entropy                -sum_i p_i log p_i / log k, p_i = |phi_i| / sum_j |phi_j|; 1 when all get the same

    The last two are left out where all credits are 0, and the last where k = 1.
    """
    given = np.asarray(credit, np.float64)
    shares = given[~np.isnan(given)]
    figures = {RESIDUAL: abs(float(shares.sum()) - worth)}
    best, entropy = concentration(shares)
    figures |= {name: value for name, value in ((BEST, best), (ENTROPY, entropy)) if value is not None}
    return figures
