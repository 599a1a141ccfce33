"""Large matrices are looked at when credits are computed: by the kernel in its one pass, or before any other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import semivalues
from shapley_credit import utilities as u
from shapley_credit.inputs.checks import check_entries

from roles import ROLES, using

K = 72  # large enough to be left to the kernel, and several blocks of 8

WAYS: dict[str, Callable[[Any], Any]] = {
    "flat": sc.set_shapley,
    "summed": lambda utility: sc.set_shapley(2 * utility + u.Mean(np.ones(K))),
    "semivalue": lambda utility: sc.set_semivalue(utility, semivalues.banzhaf),
    "unions": lambda utility: sc.owen(utility, np.arange(K) // 2),
    "line": sc.connected_shapley,
    "order": lambda utility: sc.marginal_vector(utility, order=np.arange(K)[::-1]),
    "value": lambda utility: utility.value((0, 1, 2)),
    "interactions": sc.interactions,
}
FAMILIES: dict[str, tuple[str, Callable[..., Any]]] = {
    "SumPairwise": ("distances", u.SumPairwise),
    "MeanPairwise": ("distances", u.MeanPairwise),
    "Quadratic": ("pairs", lambda pairs, **given: u.Quadratic(np.ones(K), pairs, **given)),
}


def symmetric(*shape: int, dtype: Any = np.float64) -> Any:
    numbers = np.random.default_rng(3).random(shape) - 0.5
    return (numbers + np.swapaxes(numbers, -1, -2)).astype(dtype)


def refusal(call: Callable[..., Any], *arguments: Any) -> str:
    with pytest.raises(sc.InputError) as caught:
        call(*arguments)
    return str(caught.value)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("way", WAYS)
def test_the_entry_is_named_as_by_the_slow_look(way: str, family: str, role: str) -> None:
    name, make = FAMILIES[family]
    right = symmetric(K, K)
    with using(role):
        WAYS[way](make(right))
        for place, bad in (((70, 3), 2.0), ((3, 70), np.nan), ((5, 5), -np.inf), ((0, 71), np.inf)):
            wrong = right.copy()
            wrong[place] = bad
            truth = refusal(check_entries, wrong, "symmetric", name)
            assert refusal(WAYS[way], make(wrong)) == truth


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int64])
@pytest.mark.parametrize("layout", ["contiguous", "transposed", "strided"])
def test_the_layout_and_the_dtype_change_no_message(layout: str, dtype: Any, role: str) -> None:
    wrong = (8 * symmetric(3, K, K)).astype(dtype)
    wrong[1, 3, 70] += 5
    strided = np.repeat(wrong, 2, axis=2)[:, :, ::2]
    given = {"contiguous": wrong, "transposed": np.swapaxes(wrong, 1, 2), "strided": strided}[layout]
    present = np.ones((3, K), np.bool_)
    present[1, 70] = False
    with using(role):
        truth = refusal(check_entries, given, "symmetric", "distances")
        assert refusal(lambda: sc.set_shapley(u.SumPairwise(given))) == truth
        assert np.isfinite(sc.set_shapley(u.SumPairwise(given, mask=present))).all()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1.0, 1e30])
def test_rounding_is_no_asymmetry(scale: float, dtype: Any, role: str) -> None:
    rng = np.random.default_rng(4)
    rounded = (scale * symmetric(40, 20, 20) * (1 + 2e-7 * rng.random((40, 20, 20)))).astype(dtype)
    wrong = rounded.copy()
    wrong[7, 2, 19] += 2e-5 * scale
    with using(role):
        assert np.isfinite(sc.set_shapley(u.MeanPairwise(rounded))).all()
        if scale:
            assert "must be symmetric" in refusal(sc.set_shapley, u.MeanPairwise(wrong))


@pytest.mark.parametrize("role", ROLES)
def test_a_group_of_a_batch_that_was_not_looked_at_is(role: str) -> None:
    wrong = symmetric(20, 16, 16)
    wrong[4, 1, 2] += 1
    with using(role):
        utility = u.SumPairwise(wrong)
        for way in (WAYS["flat"], WAYS["value"], lambda one: sc.owen(one, np.arange(16) // 4)):
            way(utility[3])
            assert "must be symmetric" in refusal(way, utility[4])


@pytest.mark.parametrize("role", ROLES)
def test_credits_that_overflow_are_no_asymmetry(role: str) -> None:
    with using(role):
        assert np.isfinite(sc.set_shapley(u.MeanPairwise(np.full((K, K), 3e38, np.float32)))).all()
        assert "overflow" in refusal(sc.set_shapley, u.SumPairwise(np.full((K, K), 1.7e308)))


def _circulant(members: int) -> Any:
    """Rows and columns have equal sums, yet no entry equals its mirror image."""
    return np.sin(np.subtract.outer(np.arange(members), np.arange(members)) * 2 * np.pi / members) + 2.0


WRONG: dict[str, Callable[[Any], Any]] = {
    "one entry": lambda right: right + 1e-3 * np.eye(len(right), k=len(right) - 2),
    "a row": lambda right: right * np.where(np.arange(len(right)) == 5, 1.001, 1)[:, None],
    "upper triangle": np.triu,
    "opposite signs": lambda right: np.triu(right) - np.tril(right),
    "circulant": lambda right: _circulant(len(right)),
    "two entries that cancel in sums": lambda right: right + np.eye(len(right), k=3) - np.eye(len(right), k=4),
    "infinite and symmetric": lambda right: np.where(np.add.outer(*[np.arange(len(right))] * 2) == 21, np.inf, right),
    "NaN on the diagonal": lambda right: right + np.diag([np.nan] + [0.0] * (len(right) - 1)),
}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("members", [130, 2048])
@pytest.mark.parametrize("gap", [3e-5, 1e-3, 0.1])
def test_equal_differences_around_triangles_do_not_cancel(gap: float, members: int, role: str) -> None:
    rng = np.random.default_rng(5)
    for _ in range(25 if members < 2048 else 3):
        a, b, c = rng.choice(members, 3, replace=False)
        wrong = np.ones((members, members), np.float32)
        wrong[a, b] = wrong[b, c] = wrong[c, a] = 1 + gap
        with using(role), pytest.raises(sc.InputError, match="must be symmetric"):
            sc.set_shapley(u.SumPairwise(wrong))


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("place", [0, 19, 39])
def test_one_matrix_of_a_batch_beyond_the_cache(place: int, role: str) -> None:
    """Whichever of the threads has it, and whichever place among the groups of that thread."""
    wrong = np.stack([symmetric(140, 140) + 2] * 40)
    right = sc.set_shapley(u.SumPairwise(wrong))
    wrong[place, 139, 7] += 1e-3
    with using(role), pytest.raises(sc.InputError, match=rf"at \[{place}, 7, 139\]"):
        sc.set_shapley(u.SumPairwise(wrong))
    np.testing.assert_allclose(right.sum(axis=1), np.triu(symmetric(140, 140) + 2, 1).sum(), rtol=1e-12)


@pytest.mark.numba  # NumPy adds in the dtype of the data
def test_large_sums_of_float32_that_cancel_keep_their_digits() -> None:
    """Two huge distances of opposite sign in a row of small ones: in float32 the small ones would be lost."""
    given = np.full((160, 160), 0.25, np.float32)
    given[3, 9] = given[9, 3] = 3e7
    given[3, 70] = given[70, 3] = -3e7
    credit = sc.set_shapley(u.SumPairwise(given))
    assert credit[3] == pytest.approx(157 * 0.25 / 2, abs=1e-3)
    assert np.isfinite(sc.set_shapley(u.MeanPairwise(np.full((160, 160), 3e38, np.float32)))).all()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("members", [129, 132, 200])
@pytest.mark.parametrize("wrong", WRONG)
def test_matrices_beyond_the_cache_are_compared_with_their_mirror_image(wrong: str, members: int, role: str) -> None:
    for dtype in (np.float64, np.float32):
        right = symmetric(members, members, dtype=dtype)
        given = WRONG[wrong](right).astype(dtype)
        with using(role):
            sc.set_shapley(u.MeanPairwise(right))
            truth = refusal(check_entries, given, "symmetric", "distances")
            assert refusal(sc.set_shapley, u.MeanPairwise(given)) == truth
