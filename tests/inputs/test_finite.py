"""Numbers that are not finite are refused wherever nobody looks at them before the kernels do."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import semivalues
from shapley_credit import utilities as u

from finite_sizes import SIZES
from roles import ROLES, using
from shapley_kernels.kernel_errors import NotFiniteError

BAD = (np.nan, np.inf, -np.inf)

GROUPS = (1, 7, 8, 19)

WAYS: dict[str, Callable[[Any], Any]] = {
    "flat": sc.set_shapley,
    "summed": lambda utility: sc.set_shapley(2 * utility + u.Mean(np.ones(3), mask=utility.mask)),
    "semivalue": lambda utility: sc.set_semivalue(utility, semivalues.banzhaf),
    "unions": lambda utility: sc.owen(utility, [[0, 1], [2]]),
    "line": sc.connected_shapley,
    "order": lambda utility: sc.marginal_vector(utility, order=[2, 0, 1]),
    "value": lambda utility: utility.value((0, 1, 2)),
}
FAMILIES: dict[str, Callable[..., Any]] = {
    "Max": u.Max,
    "Max, clipped": lambda scores, **given: u.Max(scores, clip=True, **given),
    "Min": u.Min,
    "Range": u.Range,
}


@pytest.mark.numba
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("form", "game", "size"), [(*key, size) for key, sizes in SIZES.items() for size in sizes])
def test_kernels_of_the_processor_see_every_entry(form: str, game: str, size: int, dtype: Any) -> None:
    kernel = getattr(importlib.import_module(f"shapley_kernels.{form}.cpu"), game)
    rng = np.random.default_rng(size)
    others = (np.zeros(1, dtype), np.ones((1, size), np.bool_)) if form == "thresholds" else ()
    for groups in GROUPS if size < 2000 else (3,):
        entries = size if form == "thresholds" else 1 << size
        right = rng.normal(size=(groups, entries)).astype(dtype)
        kernel(right, *others)
        for bad in BAD:
            for place in {0, entries // 2, entries - 1, *rng.integers(entries, size=3).tolist()}:
                wrong = right.copy()
                wrong[rng.integers(groups), place] = bad
                with pytest.raises(NotFiniteError):
                    kernel(wrong, *others)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("way", WAYS)
def test_the_entry_is_named(way: str, family: str, role: str) -> None:
    scores = np.array([[1.0, 2.0, 3.0], [4.0, 6.0, 5.0]])
    with using(role):
        WAYS[way](FAMILIES[family](scores))
        for bad in BAD:
            for place in np.ndindex(scores.shape):
                wrong = scores.copy()
                wrong[place] = bad
                utility = FAMILIES[family](wrong)
                with pytest.raises(sc.InputError, match=rf"scores must be finite; found {bad} at \[{place[0]}, {place[1]}\]"):
                    WAYS[way](utility)
                masked = FAMILIES[family](wrong, mask=np.isfinite(wrong))
                assert np.isfinite(WAYS[way](masked)).all()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("family", FAMILIES)
def test_finite_scores_too_far_apart_are_refused(family: str, role: str) -> None:
    base = {"base": -1.7e308} if family.startswith("Max") else {}
    with using(role), pytest.raises(sc.InputError, match=r"the values of .* overflow float64; scale them down"):
        sc.set_shapley(FAMILIES[family]([1.7e308, 1.0, -1.7e308], **base))


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("k", [1, 3, 7, 8, 12, 20])
def test_groups_far_from_each_other_do_not_overflow(k: int, role: str) -> None:
    base = np.resize([1.5e308, -1.5e308], 19)
    steps = np.arange(1.0, k + 1) * 1e305
    with using(role):
        credit = sc.set_shapley(u.Max(base[:, None] + steps, base))
        truth = sc.set_shapley(u.Max(steps))
    assert np.abs(credit / truth - 1).max() < 1e-9


@pytest.mark.parametrize("role", ROLES)
def test_values_of_a_table_that_no_tree_asks_for_are_not_looked_at(role: str) -> None:
    values = np.arange(16.0)
    values[0b0101] = np.nan  # halves of both unions
    with using(role):
        assert np.isfinite(sc.owen(values, [[0, 1], [2, 3]])).all()
        with pytest.raises(sc.InputError, match=r"values must be finite; found nan at \[5\]"):
            sc.owen(values, [[0, 2], [1, 3]])
