"""Credits explained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_credit.convert import Array, from_numpy
from shapley_credit.errors import InputError
from shapley_credit.explanation.contributions import credits_by_presence, credits_by_size, refuse_estimate, term_credits
from shapley_credit.explanation.explained import Explanation, Part
from shapley_credit.explanation.interactions import pair_interactions
from shapley_credit.member_names import read_names
from shapley_credit.solve.terms import flat_credits
from shapley_credit.solve.utility_argument import as_utility, is_function, tabulated
from shapley_credit.torch_compile import between_graphs
from shapley_credit.utility import Utility
from shapley_kernels.arrays import namespace


@between_graphs
def explain(
    utility: Utility | Callable[..., Any] | Any, k: int | None = None, *, names: Sequence[str] | None = None
) -> Explanation:
    """Exact Shapley credit and what it is made of: terms, sizes of coalitions, and the presence of each other member.

        phi_i = sum_t c_t phi_i(v_t) = 1/n sum_s E_{|S| = s} [v(S + i) - v(S)],      n members present, S of the others.

    utility, k: as for `set_shapley`; a function is asked once for each of all 2**k coalitions, k <= 20.
    names: [k] strings, shown wherever members are; by default "0", "1", ..

    Returns an `Explanation`: `credit` [..., k], with the bits of `set_shapley`; `terms`; `by_size`, `without` and
        `interactions` [..., k, k]; `empty` [...], v(empty); in the units of v and in the dtype, array library and device of the
        data. `why(i)` says it in words.
    Cost: of k + 2 Shapley values and of 2 k + 1 semivalues, as `set_semivalue`, k of them in one batch; with absent members k
        others are Owen values on a tree.
    Raises InputError and EvaluationError as `set_shapley` and `set_semivalue`; InputError for names that are not k strings,
        for an `Estimate`, and for a mask on a device, which is not read.
    Source: Shapley (1953), A value for n-person games; Myerson (1980), Conference structures and fair allocation rules.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> explanation = sc.explain(0.7 * u.Max([1.0, 1.0, 0.0]) + 0.3 * u.DistinctCount([4, 4, 5]))
    >>> explanation.credit
    array([0.5, 0.5, 0.3])
    >>> [(part.name, part.coefficient, part.credit.round(2).tolist()) for part in explanation.terms]
    [('Max', 0.7, [0.35, 0.35, 0.0]), ('DistinctCount', 0.3, [0.15, 0.15, 0.3])]
    >>> explanation.by_size.round(2)
    array([[1. , 0.5, 0. ],
           [1. , 0.5, 0. ],
           [0.3, 0.3, 0.3]])
    >>> print(explanation.why(0))
    Member 0 earns 0.5, where all members earn 1.3 together: 0.35 for Max and 0.15 for DistinctCount.
    By itself it adds 1, and to all the others together 0. On average it adds most by itself.
    It earns less beside member 1: it would earn 1 without member 1.
    """
    refuse_estimate(utility, "explain")
    known = None if is_function(utility, k) else as_utility(utility, k)
    size: Any = k if known is None else known.k
    members = tuple(map(str, range(size))) if names is None else read_names(names, size)
    game = tabulated(utility, k) if known is None else known
    present = _present(game)
    credit = flat_credits(game)
    arrays = (credits_by_size(game, present), credits_by_presence(game, credit), pair_interactions(game, credit))
    by_size, without, pairs = (from_numpy(array, game.library) for array in arrays)
    here = np.broadcast_to(present, (*game.shape, game.k))
    return Explanation(members, from_numpy(credit, game.library), tuple(_parts(game)), by_size, without, pairs, here, game)


def _present(game: Utility) -> NDArray[np.bool_]:
    """Which members are present, [k] or [..., k]. Raises InputError for a mask on a device."""
    if game.mask is None:
        return np.ones(game.k, np.bool_)
    if not isinstance(game.mask, np.ndarray):
        raise InputError(
            "explain counts the members that are present, and a mask on a device is not read; make the utility of arrays moved "
            "to the host, or leave absent members out."
        )
    return game.mask


def _parts(game: Utility) -> Iterator[Part]:
    """The terms with their credits, in the library of the data; the second Max is "Max 2"."""
    seen: Counter[str] = Counter()
    for (coefficient, term), credit in zip(game.terms(), term_credits(game), strict=True):
        family = type(term).__name__
        seen[family] += 1
        name = family if seen[family] == 1 else f"{family} {seen[family]}"
        yield Part(name, _coefficient(game, coefficient), from_numpy(credit, game.library))


def _coefficient(game: Utility, coefficient: Array | float) -> Array | float:
    """A number, or one a group in the library of the data."""
    if isinstance(coefficient, float):
        return coefficient
    xp = namespace(coefficient)
    return from_numpy(xp.asarray(xp.broadcast_to(coefficient, game.shape), copy=True), game.library)
