"""groups=: credits of flat rows are those of each group by itself, to the bit, whatever the ids and their order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import given, settings
from hypothesis import strategies as st
from shapley_credit import CoalitionTree, Utility, semivalues
from shapley_credit import utilities as u
from shapley_credit.errors import InputError
from shapley_credit.inputs.fields import Field
from shapley_credit.inputs.partition import partition_of
from shapley_credit.testing.instances import Array, Instance, instances

from strategies import SPLIT, WHOLE

every_split = pytest.mark.parametrize("family", SPLIT, ids=lambda family: family.__name__)

VERBS: dict[str, Callable[..., Any]] = {
    "set_shapley": sc.set_shapley,
    "banzhaf": lambda utility, **given: sc.set_semivalue(utility, semivalues.banzhaf, **given),
    "connected": sc.connected_shapley,
    "marginal": sc.marginal_vector,
}


def one_by_one(instance: Instance, ids: Array, verb: Callable[..., Any]) -> Array:
    credit = np.full(len(ids), np.nan)
    for name in np.unique(ids):
        rows = np.flatnonzero(ids == name)
        credit[rows] = verb(instance.along_members(rows.tolist()).utility)
    return credit


@every_split
@pytest.mark.parametrize("verb", VERBS)
@given(data=st.data())
@settings(max_examples=6)
def test_every_group_is_credited_as_by_itself(verb: str, family: type[Utility], data: st.DataObject) -> None:
    instance = data.draw(instances(family, data.draw(st.sampled_from([np.float32, np.float64])), data.draw(st.integers(1, 6))))
    ids = np.array(data.draw(st.lists(st.integers(-1, 2), min_size=instance.k, max_size=instance.k)))
    credit = VERBS[verb](instance.utility, groups=ids)
    assert credit.dtype == VERBS[verb](instance.utility).dtype
    np.testing.assert_array_equal(credit, one_by_one(instance, ids, VERBS[verb]).astype(credit.dtype), strict=True)


@every_split
@given(data=st.data())
@settings(max_examples=4)
def test_unions_are_compared_within_a_group(family: type[Utility], data: st.DataObject) -> None:
    instance = data.draw(instances(family, np.float64, data.draw(st.integers(1, 6))))
    ids, unions = (np.array(data.draw(st.lists(st.integers(0, 2), min_size=instance.k, max_size=instance.k))) for _ in range(2))
    credit, truth = sc.owen(instance.utility, unions, groups=ids), np.zeros(instance.k)
    for name in np.unique(ids):
        rows = np.flatnonzero(ids == name)
        truth[rows] = sc.owen(instance.along_members(rows.tolist()).utility, unions[rows])
    np.testing.assert_array_equal(credit, truth)


@pytest.mark.parametrize("family", WHOLE, ids=lambda family: family.__name__)
@given(data=st.data())
@settings(max_examples=3)
def test_what_is_about_several_members_at_once_is_refused(family: type[Utility], data: st.DataObject) -> None:
    instance = data.draw(instances(family, np.float64, 4))
    with pytest.raises(InputError, match=rf"of {family.__name__} is about several members at once"):
        sc.set_shapley(instance.utility, groups=[0, 0, 1, 1])


@every_split
@given(data=st.data())
@settings(max_examples=4)
def test_what_a_group_has_one_of_is_a_column_that_is_constant_within_it(family: type[Utility], data: st.DataObject) -> None:
    instance = data.draw(instances(family, np.float64, 5))
    ids = np.array([3, 1, 3, 3, 1])
    free = [name for name, spec in family.fields.items() if isinstance(spec, Field) and spec.axes == ()]
    columns = {name: data.draw(instances(family, np.float64, 5, (2,))).data[name][ids // 3] for name in free}
    flat = Instance(family, 5, {**instance.data, **columns}, instance.mask)
    credit, truth = sc.set_shapley(flat.utility, groups=ids), np.zeros(5)
    for name in (1, 3):
        rows = np.flatnonzero(ids == name)
        alone = Instance(
            family, 5, {**instance.data, **{each: column[rows[0]] for each, column in columns.items()}}, instance.mask
        )
        truth[rows] = sc.set_shapley(alone.along_members(rows.tolist()).utility)
    np.testing.assert_array_equal(credit, truth.astype(credit.dtype))


REWARDS = np.array([1.0, 4.0, 3.0, -2.0, 0.5, 8.0])
IDS: dict[str, Any] = {
    "integers": np.array([5, -7, 5, 5, 0, -7]),
    "neighbours apart by more than int64 packs": np.array([2**62, -(2**62), 2**62, 2**62, 0, -(2**62)]),
    "unsigned": np.array([2**64 - 1, 7, 2**64 - 1, 2**64 - 1, 0, 7], np.uint64),
    "small": np.array([1, 2, 1, 1, 0, 2], np.int8),
    "strings": ["a", "b", "a", "a", "c", "b"],
    "tuples": [("a", 1), ("b", 1), ("a", 1), ("a", 1), (), ("b", 1)],
    "rows of tokens": np.array([[1, 2], [1, 3], [1, 2], [1, 2], [2, 2], [1, 3]]),
    "booleans and numbers": [1.5, "b", 1.5, 1.5, None.__class__, "b"],
}


@pytest.mark.parametrize("kind", IDS)
def test_ids_are_of_any_kind(kind: str) -> None:
    utility = u.Max(REWARDS) + u.DistinctCount([1, 1, 1, 2, 3, 1])
    truth = np.zeros(6)
    for rows in ([0, 2, 3], [1, 5], [4]):
        truth[rows] = sc.set_shapley(u.Max(REWARDS[rows]) + u.DistinctCount(np.array([1, 1, 1, 2, 3, 1])[rows]))
    np.testing.assert_array_equal(sc.set_shapley(utility, groups=IDS[kind]), truth)


def test_a_number_says_how_many_neighbours_are_a_group() -> None:
    np.testing.assert_array_equal(
        sc.set_shapley(u.Max(REWARDS), groups=2), sc.set_shapley(u.Max(REWARDS.reshape(3, 2))).reshape(-1)
    )


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=40))
def test_a_partition_holds_every_row_once_in_the_order_of_its_group(ids: list[int]) -> None:
    known = partition_of(np.array(ids) * 2**40, len(ids))
    assert sorted(row for rows in known.by_size() for row in rows.ravel().tolist()) == list(range(len(ids)))
    for rows in known.by_size():
        for group in rows.tolist():
            assert group == sorted(group)
            assert len({ids[row] for row in group}) == 1
            assert len(group) == ids.count(ids[group[0]])


def test_many_sizes() -> None:
    rng = np.random.default_rng(0)
    ids = rng.permutation(np.repeat(np.arange(300), np.arange(1, 301)))
    rewards = rng.standard_normal(len(ids)).astype(np.float32)
    credit = sc.set_shapley(u.Max(rewards), groups=ids)
    for name in (0, 1, 150, 299):
        rows = np.flatnonzero(ids == name)
        np.testing.assert_array_equal(credit[rows], sc.set_shapley(u.Max(rewards[rows])), strict=True)


def test_what_is_a_function_of_the_size_is_made_for_the_sizes_of_groups() -> None:
    rng, n = np.random.default_rng(1), 200_000
    rewards, ids = rng.standard_normal(n), np.arange(n) // 8
    asked: list[tuple[int, ...]] = []

    def most(*counts: int) -> float:
        asked.append(counts)
        return float(max(counts))

    types = rng.integers(0, 2, n)
    credit = sc.set_shapley(u.LStatistic.median(rewards) + u.Typed.of_counts(types, most), groups=ids)
    batch = u.LStatistic.median(rewards.reshape(-1, 8)) + u.Typed.of_counts(
        types.reshape(-1, 8), lambda *counts: float(max(counts))
    )
    np.testing.assert_array_equal(credit, sc.set_shapley(batch).reshape(-1))
    assert len(asked) == len(set(asked)) == 81
    with pytest.raises(InputError, match="are refused"):
        sc.set_shapley(u.LStatistic.median(rewards))
    with pytest.raises(InputError, match="are refused"):
        _ = u.LStatistic.median(rewards).weights


def test_a_table_of_counts_has_to_count_the_members_of_a_group_only() -> None:
    utility = u.Typed([0, 0, 0, 1], [[0.0, 1.0], [2.0, 5.0]])
    np.testing.assert_array_equal(sc.set_shapley(utility, groups=[1, 2, 3, 3]), [2.0, 2.0, 3.0, 2.0])
    with pytest.raises(InputError, match="3 members are of type 0, but axis 0 of the table counts to 1"):
        sc.set_shapley(utility)
    with pytest.raises(InputError, match="3 members are of type 0"):
        utility.value([0, 1])


def test_unions_are_labels_of_any_kind_lists_of_rows_or_a_tree() -> None:
    utility, ids = u.Max(REWARDS), [0, 0, 0, 0, 1, 1]
    truth = np.concatenate([sc.owen(u.Max(REWARDS[:4]), [[0, 3], [1, 2]]), sc.owen(u.Max(REWARDS[4:]), [[0, 1]])])
    for unions in (
        ["x", "y", "y", "x", "y", "y"],
        np.array(["x", "y", "y", "x", "y", "y"]),
        np.array([2, 1, 1, 2, 1, 1]),
        [[0, 3], [1, 2, 4, 5]],
        CoalitionTree.from_labels([0, 1, 1, 0, 1, 1]),
    ):
        np.testing.assert_array_equal(sc.owen(utility, unions, groups=ids), truth)
    deep = CoalitionTree.from_labels([0, 0, 1, 1, 0, 0], [0, 1, 2, 2, 0, 1])
    np.testing.assert_array_equal(
        sc.owen(utility, deep, groups=ids)[:4],
        sc.owen(u.Max(REWARDS[:4]), CoalitionTree.from_labels([0, 0, 1, 1], [0, 1, 2, 2])),
    )
    mixed = (semivalues.banzhaf, semivalues.shapley)
    credit = sc.owen(utility, np.array([0, 1, 1, 0, 0, 0]), levels=mixed, groups=ids)
    np.testing.assert_array_equal(credit[:4], sc.owen(u.Max(REWARDS[:4]), [[0, 3], [1, 2]], levels=mixed))


def test_absent_rows_earn_nothing_and_change_no_other() -> None:
    mask = np.array([True, True, False, True, False, True])
    utility = u.Max(REWARDS, mask=mask) - 0.5 * u.Mean(REWARDS, mask=mask)
    credit = sc.set_shapley(utility, groups=[0, 1, 0, 0, 2, 1])
    smaller = u.Max(REWARDS[mask]) - 0.5 * u.Mean(REWARDS[mask])
    np.testing.assert_array_equal(credit[mask], sc.set_shapley(smaller, groups=np.array([0, 1, 0, 1])))
    assert not credit[~mask].any()


def test_coefficients_may_be_columns_of_what_each_group_has_one_of() -> None:
    factor = np.array([2.0, 3.0, 2.0, 3.0, 3.0, 2.0])
    credit = sc.set_shapley(factor * u.Max(REWARDS) + u.Mean(REWARDS), groups=factor.astype(int))
    for each in (2.0, 3.0):
        rows = factor == each
        np.testing.assert_array_equal(credit[rows], sc.set_shapley(each * u.Max(REWARDS[rows]) + u.Mean(REWARDS[rows])))


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "a function": (lambda: sc.set_shapley(len, 6, groups=3), r"groups= splits a utility of flat data.*<built-in function len>"),
    "a function, with unions": (lambda: sc.owen(len, [0] * 6, 6, groups=3), r"groups= splits a utility of flat data"),
    "a table": (lambda: sc.set_shapley(np.zeros(64), 6, groups=3), r"A function or a table is of one group"),
    "leading axes": (
        lambda: sc.set_shapley(u.Max(REWARDS.reshape(2, 3)), groups=[0, 0, 1]),
        r"without leading axes; scores of Max has shape \(2, 3\) and there are 3 rows",
    ),
    "a mask with leading axes": (
        lambda: sc.set_shapley(u.Max(REWARDS[:3], mask=np.ones((2, 3), bool)), groups=[0, 0, 1]),
        r"mask has shape \(2, 3\) and there are 3 rows",
    ),
    "k of a group": (lambda: sc.set_shapley(u.Max(REWARDS), 3, groups=3), r"with groups= k counts all rows: k = 3"),
    "too few ids": (lambda: sc.set_shapley(u.Max(REWARDS), groups=[0, 1]), r"one id for each of the 6 credits; got 2"),
    "no id": (lambda: sc.set_shapley(u.Max(REWARDS), groups=[0, 1, None, 0, 1, 2]), r"an id .* is None, .* in row 2 first"),
    "a score that is NaN": (
        lambda: sc.set_shapley(0.5 * u.Max([1.0, 2.0, 3.0, np.nan, 5.0]), groups=list("ababb")),
        r"scores must be finite; found nan at \[3\]",
    ),
    "a base that differs": (
        lambda: sc.set_shapley(u.Max(REWARDS, base=REWARDS), groups=3),
        r"base of Max must be equal within each group; rows 0 and 1 are of one group and have 1.0 and 4.0",
    ),
    "a base of another length": (
        lambda: sc.set_shapley(u.Max(REWARDS, base=[[1.0], [2.0]]), groups=3),
        r"base of Max has shape \(2, 1\); with groups= it must be one for all groups, or a column of 6 rows",
    ),
    "an order": (
        lambda: sc.marginal_vector(u.Max(REWARDS), order=np.arange(6), groups=3),
        r"with groups= the order is that of the rows",
    ),
    "trees with leading axes": (
        lambda: sc.owen(u.Max(REWARDS), CoalitionTree.from_labels(np.zeros((2, 6), int)), groups=3),
        r"the unions must be flat, one label for each of the 6 rows",
    ),
    "unions of fewer rows": (lambda: sc.owen(u.Max(REWARDS), [[0, 1], [2]], groups=3), r"one label for each of the 6 rows"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_split_is_refused_in_words(case: str) -> None:
    call, words = REFUSED[case]
    with pytest.raises(InputError, match=words):
        call()


@pytest.mark.torch
def test_tensors_come_back_as_tensors() -> None:
    import torch

    ids = torch.tensor([5, -7, 5, 5, 0, -7])
    credit = sc.set_shapley(u.Max(torch.tensor(REWARDS, dtype=torch.bfloat16)), groups=ids)
    assert isinstance(credit, torch.Tensor)
    assert credit.dtype == torch.float32
    np.testing.assert_array_equal(credit.numpy(), sc.set_shapley(u.Max(REWARDS.astype(np.float32)), groups=ids.numpy()))
