"""Semivalues: what a marginal contribution weighs by the size of the coalition it is made to, and what such credit optimises.

    phi_i = sum_{S without i} p_|S| [v(S + i) - v(S)],      sum_s C(k - 1, s) p_s = 1            (Dubey, Neyman & Weber 1981).

Objective theorem. Let y_1 .. y_k be independent samples of a policy pi and V_m = E[v(m samples)]. Then

    E[sum_i phi_i grad log pi(y_i)] = sum_{m=1}^k  k C(k-1, m-1) p_{m-1} / m  grad V_m,

because v(S) does not depend on y_i, and the mean of v(S + i) grad log pi(y_i) over a coalition of m samples is grad V_m / m.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import lgamma, log, log1p
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_credit.convert import to_numpy
from shapley_credit.errors import InputError
from shapley_credit.size_weights import binomials, by_size, hint

Array = NDArray[np.float64]

__all__ = ["Semivalue", "banzhaf", "beta", "binomial", "leave_one_out", "of_size", "of_weights", "shapley"]


class Semivalue:
    """A rule for weighing marginal contributions by size, for any number of members.

    Attributes:
        name: as it prints.
        ignores_absent: whether the other credits stay the same when a member that never matters is dropped, so that absent
            members need no care.

    >>> from shapley_credit import semivalues
    >>> semivalues.banzhaf
    banzhaf
    >>> semivalues.shapley.weights(3).round(3).tolist()
    [0.333, 0.167, 0.333]
    """

    # The function of this module that made the rule, and its arguments; () for a rule that a user made.
    _made_by: tuple[Any, ...] = ()

    def __init__(self, name: str, sizes: Callable[[int], Array], *, ignores_absent: bool = True) -> None:
        self.name = name
        self.ignores_absent = ignores_absent
        self._sizes = sizes

    def __reduce__(self) -> str | tuple[Any, ...]:
        if _made_here(self):
            return self.name  # pickled by name, as solvers ask whether a rule `is` shapley
        return self._made_by or (_copied, (self.name, self._sizes, self.ignores_absent))

    def __eq__(self, other: object) -> bool:
        """Whether it is the same rule with the same arguments; a rule that a user made equals itself only."""
        if not isinstance(other, Semivalue):
            return NotImplemented
        return self is other or (self._made_by != () and self._made_by == other._made_by)

    def __hash__(self) -> int:
        return hash(self._made_by) if self._made_by else id(self)

    def sizes(self, k: int) -> Array:
        """q_s = C(k - 1, s) p_s, [k]: how often a member arrives at a coalition of s others; adds up to 1. Cost O(k)."""
        return self._sizes(k)

    def weights(self, k: int) -> Array:
        """p_s, [k]: the weight of each single coalition of s others; 0 where it is too small for floats. Cost O(k)."""
        from fractions import Fraction  # slow to import, and needed by few

        # Binomial coefficients of many members are beyond floats; their quotients are not.
        return np.array(
            [float(Fraction(q) / c) if q else 0.0 for q, c in zip(self.sizes(k).tolist(), binomials(k), strict=True)]
        )

    def objective(self, k: int) -> Array:
        """[k]: the factors of grad V_1 .. grad V_k in the expected policy gradient of this credit, k q_{m-1} / m. Cost O(k).

        >>> from shapley_credit import semivalues
        >>> semivalues.shapley.objective(4).round(3).tolist()
        [1.0, 0.5, 0.333, 0.25]
        """
        factors: Array = k * self.sizes(k) / np.arange(1, k + 1)
        return factors

    def explain(self, k: int) -> str:
        """The objective in words.

        >>> from shapley_credit import semivalues
        >>> print(semivalues.leave_one_out.explain(4))
        leave_one_out credit of 4 samples follows 1 grad V_4, where V_m is the expected utility of m samples.
        """
        terms = [f"{factor:.4g} grad V_{m}" for m, factor in enumerate(self.objective(k), start=1) if factor]
        return f"{self.name} credit of {k} samples follows {' + '.join(terms)}, where V_m is the expected utility of m samples."

    def __repr__(self) -> str:
        return self.name


def _made_here(rule: Semivalue) -> bool:
    """Whether it is the rule of that name in this module."""
    return bool(globals().get(rule.name) is rule)


def _made(maker: Callable[..., Semivalue], arguments: tuple[Any, ...], rule: Semivalue) -> Semivalue:
    """The rule, marked with how it was made, by which rules are compared and pickled."""
    rule._made_by = (maker, arguments)
    return rule


def _copied(name: str, sizes: Callable[[int], Array], ignores_absent: bool) -> Semivalue:
    return Semivalue(name, sizes, ignores_absent=ignores_absent)


def _only(k: int, s: int) -> Array:
    q = np.zeros(k)
    q[s] = 1.0
    return q


def _binomial_half(k: int) -> Array:
    whole = 2 ** (k - 1)  # whole numbers, of any size: both terms of the quotient are beyond floats for many members
    return np.array([c / whole for c in binomials(k)])


shapley = Semivalue("shapley", lambda k: np.full(k, 1 / k))
banzhaf = Semivalue("banzhaf", _binomial_half)
leave_one_out = Semivalue("leave_one_out", lambda k: _only(k, k - 1))


def beta(a: float, b: float) -> Semivalue:
    """Beta-Shapley (Kwon & Zou 2022): inclusion with probability t ~ Beta(b, a); a > b favours small sets, (1, 1) is Shapley.

        q_s = C(k-1, s) B(s + b, k - 1 - s + a) / B(a, b).

    a, b: positive numbers. Cost O(k). Raises InputError for others.

    >>> from shapley_credit import semivalues
    >>> semivalues.beta(2, 1).sizes(3).round(4).tolist()
    [0.5, 0.3333, 0.1667]
    """
    if not (0 < a < float("inf") and 0 < b < float("inf")):
        raise InputError(f"beta(a, b) needs positive numbers; got ({a!r}, {b!r}).")

    def sizes(k: int) -> Array:
        # Logarithms, as the gamma functions of many members are beyond floats.
        logs = [
            lgamma(k) - lgamma(s + 1) - lgamma(k - s) + lgamma(s + b) + lgamma(k - 1 - s + a) - lgamma(k - 1 + a + b)
            for s in range(k)
        ]
        q: Array = np.exp(np.array(logs) - max(logs))
        q /= q.sum()
        return q

    return _made(beta, (a, b), Semivalue(f"beta({a:g}, {b:g})", sizes))


def binomial(p: float) -> Semivalue:
    """Weighted Banzhaf value (Radzik, Nowak & Driessen 1997): each other member is there with probability p, independently.

        q_s = C(k-1, s) p^s (1 - p)^(k-1-s),      p_s = p^s (1 - p)^(k-1-s).

    p: from 0, a member alone, to 1, leave_one_out; 1/2 is Banzhaf. Cost O(k). Raises InputError for others.

    >>> from shapley_credit import semivalues
    >>> semivalues.binomial(0.25).sizes(3).round(6).tolist()
    [0.5625, 0.375, 0.0625]
    """
    if isinstance(p, bool) or not isinstance(p, int | float | np.number) or not 0 <= p <= 1:
        raise InputError(f"binomial(p) needs a probability from 0 to 1; got {p!r}.")
    chance = float(p)

    def sizes(k: int) -> Array:
        if chance in (0.0, 1.0):
            return _only(k, (k - 1) * int(chance))
        logs = [lgamma(k) - lgamma(s + 1) - lgamma(k - s) + s * log(chance) + (k - 1 - s) * log1p(-chance) for s in range(k)]
        q: Array = np.exp(np.array(logs))
        q /= q.sum()
        return q

    return _made(binomial, (chance,), Semivalue(f"binomial({chance:g})", sizes))


def of_size(m: int) -> Semivalue:
    """Marginal contributions to coalitions of size m only, the newcomer included: the credit that follows grad V_m.

    m: whole number >= 1; m = k is leave_one_out. Absent members change the sizes, so a mask with any is refused. Cost O(k).
    Raises InputError for m < 1, and for fewer than m members when used.

    >>> from shapley_credit import semivalues
    >>> semivalues.of_size(2).objective(4).tolist()
    [0.0, 2.0, 0.0, 0.0]
    """
    if isinstance(m, bool) or not isinstance(m, int | np.integer) or m < 1:
        raise InputError(f"of_size(m) needs a whole number >= 1; got {m!r}.")

    def sizes(k: int) -> Array:
        if k < m:
            raise InputError(f"of_size({m}) needs at least {m} members, or children on its level; got {k}.")
        return _only(k, m - 1)

    return _made(of_size, (m,), Semivalue(f"of_size({m})", sizes, ignores_absent=False))


def of_weights(weights: Sequence[float] | NDArray[Any]) -> Semivalue:
    """The semivalue with weights p_0 .. p_{k-1} for coalitions of 0 .. k-1 others.

    weights: [k], finite, sum_s C(k-1, s) p_s = 1. Cost O(k). Raises InputError for others, and for another k when used.

    >>> from shapley_credit import semivalues
    >>> semivalues.of_weights([1 / 3, 1 / 6, 1 / 3])
    of_weights([0.333333, 0.166667, 0.333333])
    """
    p = to_numpy(weights, "weights")[0]
    if p.ndim != 1 or not len(p) or p.dtype.kind not in "iuf" or not np.isfinite(p).all():
        raise InputError(f"weights must be a semivalue or finite numbers p[0..k-1] over coalition sizes; got {weights!r}.")
    q = by_size(p)
    if abs(q.sum() - 1) > 1e-9:
        raise InputError(f"weights must satisfy sum_s C(k-1, s) p_s = 1; got {q.sum():.12g} for k = {len(p)}.{hint(len(p))}")

    def sizes(k: int) -> Array:
        if k != len(q):
            raise InputError(f"these weights are for k = {len(q)} members; got {k}.")
        return q

    name = f"of_weights([{', '.join(f'{x:g}' for x in p)}])"
    return _made(of_weights, (tuple(p.tolist()),), Semivalue(name, sizes, ignores_absent=False))


def read_semivalue(weights: Any) -> Semivalue:
    """A semivalue as it is, or the one of an array of weights."""
    return weights if isinstance(weights, Semivalue) else of_weights(weights)
