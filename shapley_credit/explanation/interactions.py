"""What two members add together beyond what each adds alone: the Shapley interaction index, exact."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_credit.convert import Array, from_numpy
from shapley_credit.explanation.contributions import credits_by_presence, credits_of, refuse_estimate
from shapley_credit.semivalues import Semivalue
from shapley_credit.solve.terms import flat_credits
from shapley_credit.solve.utility_argument import as_utility, is_function, tabulated
from shapley_credit.torch_compile import between_graphs
from shapley_credit.utility import Utility
from shapley_kernels.arrays import namespace


@between_graphs
def interactions(utility: Utility | Callable[..., Any] | Any, k: int | None = None) -> Any:
    """Exact Shapley interaction indices of all pairs: what two members add together beyond what each of them adds alone.

        I_ij = sum_{S without i, j} |S|! (k - 2 - |S|)! / (k - 1)!  [v(S + i + j) - v(S + i) - v(S + j) + v(S)].

    Below 0 the two replace each other, as duplicates do; above 0 each needs the other; 0 in a sum of members' own values. It is
    the credit of i where j is always there, less that where j never is.

    utility, k: as for `set_shapley`; a function is asked once for each of all 2**k coalitions, k <= 20.

    Returns [..., k, k] in the units of v, symmetric, with the credits of `set_shapley` on the diagonal, and 0 for pairs with an
        absent member; in the dtype, array library and device of the data.
    Cost: of k + 1 semivalues, as `set_semivalue`, and one Shapley value, all members without j in one batch. Errors are those
        of a semivalue times 1 + 1/2 + .. + 1/k, 4.7 for k = 64.
    Raises InputError and EvaluationError as `set_semivalue`, and InputError for an `Estimate`.
    Source: Grabisch & Roubens (1999), An axiomatic approach to the concept of interaction among players in cooperative games.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.interactions(u.Max([3.0, 3.0, 1.0]))
    array([[ 1.33333333, -2.5       , -0.5       ],
           [-2.5       ,  1.33333333, -0.5       ],
           [-0.5       , -0.5       ,  0.33333333]])
    >>> sc.interactions(lambda things: float({0, 1} <= set(things)), 3)
    array([[0.5, 1. , 0. ],
           [1. , 0.5, 0. ],
           [0. , 0. , 0. ]])
    """
    refuse_estimate(utility, "interactions")
    game = tabulated(utility, k) if is_function(utility, k) else as_utility(utility, k)
    return from_numpy(pair_interactions(game, flat_credits(game)), game.library)


def pair_interactions(game: Utility, credit: Array) -> Array:
    """Interaction indices [..., k, k], with the Shapley values [..., k] on the diagonal.

    They are what the presence of j adds to the value of i under the harmonic rule, times the scale of that rule.
    """
    rule, scale = _harmonic(game.k)
    xp = namespace(credit)
    with np.errstate(over="ignore", invalid="ignore"):  # overflow leaves indices that are not finite, which are refused
        change = credits_by_presence(game, credits_of(game, rule), rule) * scale
        # Both halves are the index, up to rounding.
        pairs = change / 2 + xp.moveaxis(change, -1, -2) / 2
    game.check_credits(pairs)
    return xp.where(game.beside(np.eye(game.k, dtype=np.bool_)), credit[..., None], pairs)


def _harmonic(most: int) -> tuple[Semivalue, float]:
    """A rule for up to `most` members with q_s = 1 / s for s > 0 and all the rest on s = 0, and its sum, H_most.

    With p_s = q_s / C(n - 1, s) the weights of the rule times its sum, p_{s+1} = s! (n - 2 - s)! / (n - 1)!, those of the index
    of pairs; and p of n - 1 members is that of n with a member who never matters, so that absent members need no care.
    """
    steps: NDArray[np.float64] = 1 / np.arange(1, most + 1)
    scale = float(steps.sum())

    def sizes(n: int) -> NDArray[np.float64]:
        return np.concatenate([[steps[n - 1 :].sum()], steps[: n - 1]]) / scale

    return Semivalue("harmonic", sizes), scale
