"""The best of a set whose scores may be below base: what the empty set is worth is no floor, unless `clip` makes it one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from numpy.typing import NDArray
from shapley_credit import semivalues
from shapley_credit import utilities as u
from shapley_credit.methods import shape_grpo
from shapley_credit.testing import oracle

from errors_seen import tolerance
from roles import ROLES, using

Array = NDArray[Any]
every_role = pytest.mark.parametrize("role", ROLES)
# Sizes that reach every kernel: eight in registers, networks, keys, a sort by digits.
SIZES = [1, 2, 5, 7, 8, 9, 13, 16, 17, 40, 4097]
every_size = pytest.mark.parametrize("k", SIZES)


def formula(scores: Array, base: float) -> Array:
    """sum_{l<=j} (s_(l) - s_(l-1)) / (k - l + 1) over ascending scores, s_(0) = base."""
    order = np.argsort(scores)
    credit = np.empty(len(scores))
    credit[order] = np.cumsum(np.diff(scores[order], prepend=base) / np.arange(len(scores), 0, -1))
    return credit


@every_role
def test_negative_rewards_by_hand(role: str) -> None:
    with using(role):
        assert sc.set_shapley(u.Max([-1.0, -2.0, -0.5])) == pytest.approx([-1 / 6, -2 / 3, 1 / 3], abs=1e-15)
        assert sc.set_shapley(u.Max([-1.0, -2.0, -0.5], clip=True)).tolist() == [0.0, 0.0, 0.0]
        assert sc.set_shapley(u.Max([-3.0])).tolist() == [-3.0]
        assert sc.set_shapley(u.Max([8.0, 11.0, 13.0, 18.0])).tolist() == [2.0, 3.0, 4.0, 9.0]
    assert len(u.Max([-1.0, -2.0], mask=[True, False]).reduce()) == 1  # one pass of a kernel
    assert u.Max([-1.0, -2.0]).value((0, 1)) == -1.0
    assert u.Max([-1.0, -2.0]).value(()) == 0.0
    assert u.Max([-1.0, -2.0], clip=True).value((0, 1)) == 0.0


@every_role
@every_size
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_scores_on_either_side_of_base(k: int, dtype: Any, role: str) -> None:
    rng = np.random.default_rng(k)
    scores = (rng.normal(size=(11, k)).round(1) - np.linspace(-2, 2, 11)[:, None]).astype(dtype)
    base = np.linspace(-1, 1, 11).astype(dtype)
    with using(role):
        credit = sc.set_shapley(u.Max(scores, base))
    truth = np.array([formula(row, first) for row, first in zip(scores.astype(float), base.astype(float), strict=True)])
    assert credit.dtype == dtype
    assert np.abs(credit - truth).max() <= tolerance(dtype) * 10


@every_role
@every_size
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_scores_that_are_not_below_base_have_the_same_bits_clipped_or_not(k: int, dtype: Any, role: str) -> None:
    rng = np.random.default_rng(k)
    base = rng.normal(size=9).astype(dtype)
    scores = base[:, None] + rng.random((9, k)).round(1).astype(dtype)
    mask = rng.random((9, k)) < 0.6
    with using(role):
        for present in (None, mask):
            plain, clipped = u.Max(scores, base, mask=present), u.Max(scores, base, clip=True, mask=present)
            assert np.array_equal(sc.set_shapley(plain), sc.set_shapley(clipped))
            assert np.array_equal(sc.marginal_vector(plain), sc.marginal_vector(clipped))


@every_role
@every_size
@pytest.mark.parametrize("clip", [False, True])
def test_absent_members_move_nobody(clip: bool, k: int, role: str) -> None:
    rng = np.random.default_rng(k)
    scores, base = rng.normal(size=(11, k)) - np.linspace(-3, 3, 11)[:, None], rng.normal(size=11)
    mask = rng.random((11, k)) < np.linspace(0, 1, 11)[:, None]
    with using(role):
        credit = sc.set_shapley(u.Max(scores, base, clip=clip, mask=mask))
        shared = sc.set_shapley(u.Max(scores, base, clip=clip, mask=mask[4]))
        for group, here in enumerate(mask):
            alone = sc.set_shapley(u.Max(scores[group, here], base[group], clip=clip)) if here.any() else 0.0
            assert credit[group, here] == pytest.approx(alone, abs=1e-12)
            assert not credit[group, ~here].any()
        assert np.array_equal(shared[4], credit[4])


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("base", [-1.0, 0.0, 2.0])
def test_every_value_is_that_of_the_definition(base: float, clip: bool) -> None:
    scores = [-0.5, 1.5, -2.0, -0.5, -3.0]
    for mask in ([True] * 5, [True, False, True, True, False], [False] * 5):
        game = u.Max(scores, base, clip=clip, mask=mask)
        assert sc.set_shapley(game) == pytest.approx([float(x) for x in oracle.shapley(game.value, 5)], abs=1e-14)
        table = u.Table([game.value([i for i in range(5) if coalition >> i & 1]) for coalition in range(32)])
        for rule in (semivalues.banzhaf, semivalues.shapley):
            assert sc.set_semivalue(game, rule) == pytest.approx(sc.set_semivalue(table, rule), abs=1e-14)
        assert sc.owen(game, [[0, 2], [1, 3, 4]]) == pytest.approx(sc.owen(table, [[0, 2], [1, 3, 4]]), abs=1e-14)
        order = [3, 0, 4, 2, 1]
        assert sc.marginal_vector(game, order=order) == pytest.approx(sc.marginal_vector(table, order=order), abs=1e-14)


def test_a_clipped_score_that_is_not_finite_is_refused() -> None:
    for bad in (-np.inf, np.inf, np.nan):
        with pytest.raises(sc.InputError, match=rf"scores must be finite; found {bad} at \[1\]"):
            sc.set_shapley(u.Max([1.0, bad, -3.0], clip=True))


def test_candidates_below_their_base_earn_nothing_as_published() -> None:
    assert shape_grpo.shape_credit([-1.0, 3.0, -2.0]).tolist() == [0.0, 3.0, 0.0]
    assert shape_grpo.marginal_credit([[-1.0, 3.0]], [[0, 1]]).tolist() == [[0.0, 3.0]]
    assert shape_grpo.published_credit([-1.0, -2.0]) == pytest.approx([0.0, -1.0])
