"""Smooth maxima of scores any distance apart: who is far below the best still says what a set is worth until the best comes."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate
from operator import sub
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import given, settings
from hypothesis import strategies as st
from shapley_credit import Utility
from shapley_credit import utilities as u
from shapley_credit.testing import oracle
from shapley_credit.testing.by_definition import game_of, table_of
from shapley_credit.testing.instances import Array
from shapley_credit.testing.random_games import nested_trees as trees
from shapley_credit.testing.random_games import partitions

from family_games import close
from roles import ROLES, using
from structures import RULES, pruned, without

every_role = pytest.mark.parametrize("role", ROLES)
every_family = pytest.mark.parametrize("family", [u.LogSumExp, u.LogMeanExp], ids=lambda family: family.__name__)

# Between neighbours: ties, gaps at the ends of where a weight still counts beside another, and gaps beyond all weights.
GAPS = [0.0, 1e-9, 0.5, 3.0, 36.5, 43.9, 44.0, 44.3, 44.6, 44.8, 45.2, 90.0, 708.0, 745.5, 800.0, 1e4]


@st.composite
def distant_scores(draw: st.DrawFn, k: int) -> Array:
    gaps = draw(st.lists(st.sampled_from(GAPS), min_size=k - 1, max_size=k - 1))
    best = draw(st.sampled_from([0.0, 5.0, -700.0, 1e5]))
    return np.array(draw(st.permutations(list(accumulate(gaps, sub, initial=best)))))


def check(credit: Array, truth: Sequence[Fraction], table: Array) -> None:
    assert close(credit, [float(c) for c in truth], np.abs(table).max(), np.float64), f"{credit} is not {truth}"


@every_family
@every_role
def test_the_level_before_the_best_comes(family: Any, role: str) -> None:
    utility = family([0.0, -800.0, -2000.0, 5.0])
    table = table_of(utility)
    with using(role):
        check(sc.set_shapley(utility), oracle.shapley(game_of(table), 4), table)


@every_family
@every_role
@settings(max_examples=40)
@given(data=st.data())
def test_shapley_values(family: Any, role: str, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, 8))
    utility = family(data.draw(distant_scores(k)), -3.0)
    table = table_of(utility)
    with using(role):
        check(sc.set_shapley(utility), oracle.semivalue(game_of(table), k, oracle.shapley_weights(k)), table)


@every_family
@settings(max_examples=20)
@given(data=st.data())
def test_every_other_value(family: Any, data: st.DataObject) -> None:
    """Banzhaf, leave-one-out and beta values, and any of them on the two levels of a partition."""
    k = data.draw(st.integers(1, 7))
    utility = family(data.draw(distant_scores(k)), -3.0)
    table = table_of(utility)
    v = game_of(table)
    for rule, weights in RULES:
        check(sc.set_semivalue(utility, rule), oracle.semivalue(v, k, weights(k)), table)
    partition = data.draw(partitions(k))
    (outer, p), (inner, q) = data.draw(st.lists(st.sampled_from(RULES), min_size=2, max_size=2))
    check(sc.owen(utility, partition, levels=(outer, inner)), oracle.owen(v, partition, k, p, q), table)


@every_family
@every_role
@settings(max_examples=20)
@given(data=st.data())
def test_absent_members(family: Any, role: str, data: st.DataObject) -> None:
    """Winter values of those present, and Shapley values of the same; absent scores, near or far, move nothing."""
    k = data.draw(st.integers(1, 6))
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=k, max_size=k).filter(any)))
    utility: Utility = family(data.draw(distant_scores(k)), -3.0, mask=mask)
    table, tree = table_of(utility), data.draw(trees(k))
    present = [int(i) for i in np.flatnonzero(mask)]
    v = game_of(without(table, *np.flatnonzero(~mask).tolist()))
    check(sc.owen(utility, tree)[present], oracle.winter(v, pruned(tree, present), len(present)), table)
    with using(role):
        credit = sc.set_shapley(utility)
    check(credit[present], oracle.shapley(v, len(present)), table)
    assert np.all(credit[~mask] == 0)


@every_family
@every_role
def test_a_group_beside_others_keeps_its_bits(family: Any, role: str) -> None:
    scores = np.array([[0.0, -800.0, -2000.0, 5.0], [1.0, 2.0, 3.0, 2.5], [0.0, 45.0, 90.0, 500.0]])
    with using(role):
        credit = sc.set_shapley(family(scores))
        assert all(np.array_equal(credit[row], sc.set_shapley(family(scores[row]))) for row in range(3))
