"""Rules of groups by name: each is its published formula, in ragged batches, whatever the order of the rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import given as drawn
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from shapley_credit import semivalues
from shapley_credit import utilities as u
from shapley_credit.errors import InputError
from shapley_credit.methods.gapo import diversity_credit
from shapley_credit.methods.group_rules import GROUP_RULES, group_advantages

from errors_seen import tolerance
from group_formulas import CASES, IDS, Formula, Rollouts, by_formula, rollouts, z_scores

Given = dict[str, Any]
EXACT: dict[str, Any] = {"rtol": 0.0, "atol": 1e3 * tolerance(np.float64)}
cases = pytest.mark.parametrize(("name", "formula", "given"), CASES, ids=IDS)


def paid(name: str, batch: Rollouts, **given: Any) -> Any:
    return group_advantages(name, batch.rewards, batch.groups, columns=batch.columns, present=batch.present, **given)


def test_every_rule_has_a_formula_here() -> None:
    assert {name for name, _, _ in CASES} | {"gdpo"} == set(GROUP_RULES)
    assert all(rule.name == name for name, rule in GROUP_RULES.items())


@cases
@pytest.mark.parametrize("seed", range(4))
def test_a_rule_is_its_published_formula(name: str, formula: Formula, given: Given, seed: int) -> None:
    for graded in {formula.graded, False}:
        batch = rollouts(seed, graded=graded)
        found = paid(name, batch, **given)
        assert found.dtype == np.float64
        assert np.abs(found).max() > 0.05
        assert_allclose(found, by_formula(formula, batch, **given), **EXACT)
        assert_array_equal(found[~batch.there], 0.0)


@cases
@drawn(seed=st.integers(0, 999), sizes=st.lists(st.integers(1, 9), min_size=1, max_size=9))
def test_a_group_has_the_bits_that_it_has_by_itself(
    name: str, formula: Formula, given: Given, seed: int, sizes: list[int]
) -> None:
    batch = rollouts(seed, graded=formula.graded, sizes=[*sizes, 5])
    found = paid(name, batch, **given)
    for group in set(batch.groups):
        rows = batch.rows_of(group)
        alone = batch.take(rows)
        if len(rows) < GROUP_RULES[name].least(given.get("m", 2)):
            assert_array_equal(found[rows], 0.0)
            with pytest.raises(InputError, match="the largest here has"):
                paid(name, alone, **given)
        else:
            assert_array_equal(found[rows], paid(name, alone, **given))


@cases
def test_absent_responses_change_nobody(name: str, formula: Formula, given: Given) -> None:
    batch = rollouts(7, graded=formula.graded)
    present = batch.take(np.flatnonzero(batch.there))
    found = paid(name, batch, **given)
    assert_array_equal(found[batch.there], paid(name, present, **given))
    other = Rollouts(np.where(batch.present, batch.rewards, 99.0), batch.groups, batch.present, batch.columns)
    assert_array_equal(paid(name, other, **given), found)


@cases
def test_rows_may_come_in_any_order(name: str, formula: Formula, given: Given) -> None:
    batch = rollouts(3, graded=formula.graded)
    order = np.random.default_rng(0).permutation(len(batch.rewards))
    assert_allclose(paid(name, batch.take(order), **given), paid(name, batch, **given)[order], **EXACT)
    # Groups apart or mixed: the order within each is the same, and so are the bits.
    apart = np.argsort(np.array(batch.groups), kind="stable")
    assert_array_equal(paid(name, batch.take(apart), **given), paid(name, batch, **given)[apart])


@cases
def test_baseline_and_scale_may_be_others(name: str, formula: Formula, given: Given) -> None:
    batch = rollouts(5, graded=formula.graded)
    credit = paid(name, batch, baseline="none", scale="none", **given)
    credit[~batch.there] = np.nan
    rule = GROUP_RULES[name]
    assert_array_equal(
        paid(name, batch, **given), sc.advantages(credit, batch.groups, baseline=rule.baseline, scale=rule.scale)
    )
    found = paid(name, batch, baseline="leave_one_out", scale="batch_std", floor=0.5, **given)
    wanted = sc.advantages(credit, batch.groups, baseline="leave_one_out", scale="batch_std", floor=0.5)
    assert_array_equal(found, wanted)


def test_a_baseline_by_length_reads_the_column_of_lengths() -> None:
    rewards, groups, lengths = [1.0, 0.0, 3.0, 2.0], [0, 0, 0, 1], [5, 1, 2, 9]
    found = group_advantages("shapley", rewards, groups, baseline="length_weighted", columns={"lengths": lengths})
    credit = sc.set_shapley(u.Max(rewards), groups=groups)
    assert_array_equal(found, sc.advantages(credit, groups, baseline="length_weighted", lengths=lengths))


def test_groups_by_a_size_and_by_integers() -> None:
    rewards = [1.0, 0.0, 0.0, 0.0, 1.0, 1.0]
    found = group_advantages("maxrl", rewards, 3)
    assert_array_equal(found, group_advantages("maxrl", rewards, [7, 7, 7, 2, 2, 2]))


@pytest.mark.torch
def test_tensors_are_read_as_arrays_are() -> None:
    import torch

    rewards, flags = [1.0, 0.0, 0.0, 0.0, 1.0, 1.0], np.eye(3)[[0, 1, 1, 2, 2, 2]]
    tensors = torch.tensor(rewards), torch.tensor([7, 7, 7, 2, 2, 2])
    found = group_advantages("maxrl", rewards, 3)
    assert_array_equal(found, group_advantages("maxrl", *tensors))
    assert_array_equal(found, group_advantages("maxrl", tensors[0].bfloat16(), 3))
    for name, column in (("coverage", "covers"), ("gcpo", "embedding")):
        expected = group_advantages(name, rewards, 3, columns={column: flags})
        assert_array_equal(group_advantages(name, tensors[0], 3, columns={column: torch.tensor(flags)}), expected)


# Columns as the frameworks have them.


def test_columns_of_arrays_of_objects_and_of_flags() -> None:
    rewards, groups = [1.0, 1.0, 0.5, 0.0, 1.0], [0, 0, 0, 0, 1]
    covers = [["a", "b"], ["b", "b"], [], ["a"], ["c"]]
    flags = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 0], [1, 0, 0], [0, 0, 1]])
    for cells in (covers, np.fromiter(covers, object, 5), flags, flags.astype(bool)):
        found = group_advantages("coverage", rewards, groups, columns={"covers": cells}, baseline="none")
        assert_array_equal(found, [1.5, 0.5, 0.0, 0.0, 1.0])
    # NumPy makes a matrix of lists of one length; these are items, and no flags.
    square = np.array([["a", "b"], ["b", "b"], ["b", "a"]], object)
    found = group_advantages("coverage", [1, 1, 1], 3, columns={"covers": square}, baseline="none")
    assert_allclose(found, [5 / 6, 1 / 3, 5 / 6], **EXACT)


def test_answers_and_embeddings_of_arrays_of_objects() -> None:
    rewards, answers = [1.0, 1.0, 1.0, 1.0], [[1, 2], [1, 2], [3, 4], None]
    for cells in (answers, np.fromiter(answers, object, 4)):
        found = group_advantages("distinct", rewards, 4, columns={"answer": cells}, baseline="none")
        assert_array_equal(found, [0.5, 0.5, 1.0, 0.0])
    vectors = np.random.default_rng(0).normal(size=(4, 2))
    rows = np.fromiter(iter(vectors), object, 4)
    expected = group_advantages("gcpo", rewards, 4, columns={"embedding": vectors})
    assert_array_equal(group_advantages("gcpo", rewards, 4, columns={"embedding": rows}), expected)


def test_arrays_of_absent_responses_too() -> None:
    rewards, present = [1.0, float("nan"), 1.0, 1.0], [0, 1, 1, 1]
    columns = {"answer": np.array(["a", "b", "c", "c"]), "covers": np.eye(4), "embedding": np.eye(4)}
    for name, wanted in (("distinct", [0.0, 0.0, 0.5, 0.5]), ("coverage", [0, 0, 1, 1]), ("gcpo", [0, 0, 1.5, 1.5])):
        found = group_advantages(name, rewards, 4, columns=columns, present=present, baseline="none")
        assert_allclose(found, wanted, **EXACT)


# Set utilities, and rules that were there before.


@pytest.mark.parametrize("name", ["shapley", "banzhaf", "leave_one_out"])
def test_a_set_utility_by_name_and_by_a_function(name: str) -> None:
    batch = rollouts(2, graded=False)
    rule = {"shapley": semivalues.shapley, "banzhaf": semivalues.banzhaf, "leave_one_out": semivalues.leave_one_out}[name]

    def distinct(rewards: Any, answer: Any, **others: Any) -> u.DistinctCount:
        assert set(others) == {"covers", "embedding"}
        return u.DistinctCount([a if r > 0 else None for a, r in zip(answer, rewards, strict=True)])

    batch.columns["nothing"] = None  # type: ignore[assignment]  # as a framework passes a column that it does not have
    batch.columns["rewards"] = [9.0] * len(batch.rewards)  # of the trainer; the function gets those of the rule
    by_name = paid(name, batch, utility="distinct", baseline="none")
    assert_array_equal(by_name, paid(name, batch, utility=distinct, baseline="none"))
    del batch.columns["nothing"], batch.columns["rewards"]
    there = batch.take(np.flatnonzero(batch.there))
    labels = [a if r > 0 else None for a, r in zip(there.columns["answer"], there.rewards, strict=True)]
    wanted = sc.set_semivalue(u.DistinctCount(labels), rule, groups=there.groups)
    assert_allclose(by_name[batch.there], wanted, **EXACT)


@pytest.mark.parametrize("reward", [1.0, 0.1, 1e6 + 0.1])
@pytest.mark.parametrize("name", ["shapley", "banzhaf", "best_minus_second", "pkpo", "maxpo", "maxrl"])
def test_equal_rewards_are_paid_exactly_nothing(name: str, reward: float) -> None:
    """Trainers drop tokens whose advantage is 0."""
    for size in range(3, 18):
        assert_array_equal(group_advantages(name, [reward] * size, size), 0.0)


def test_gapo_is_the_method() -> None:
    answers = ["a", "a", None, "b", "b", "c", "c", "c"]
    found = group_advantages("gapo", [0.0] * 8, 4, columns={"answer": answers})
    credit = diversity_credit([answers[:4], answers[4:]])
    assert_array_equal(found, sc.advantages(credit.reshape(-1), 4, scale="group_std"))
    for utility, options in (("distinct", None), ("frequency", 3)):
        plain = group_advantages(
            "gapo", [0.0] * 8, 4, columns={"answer": answers}, utility=utility, options=options, baseline="none", scale="none"
        )
        assert_array_equal(plain, diversity_credit([answers[:4], answers[4:]], utility=utility, options=options).reshape(-1))


def test_gdpo_decouples_rewards() -> None:
    rng = np.random.default_rng(0)
    rewards, groups, weights = rng.normal(size=(7, 2)), list("aabbbac"), [1.0, 0.5]
    rewards[3] = np.nan
    columns = np.zeros((7, 2))
    for group in "abc":
        rows = [i for i in range(7) if groups[i] == group and i != 3]
        for r in range(2):
            columns[rows, r] = z_scores(rewards[rows, r].tolist())
    kept = [i for i in range(7) if i != 3]
    expected = np.zeros(7)
    expected[kept] = z_scores((columns[kept] @ weights).tolist())
    found = group_advantages("gdpo", rewards, groups, weights=weights)
    assert_allclose(found, expected, **EXACT)
    filled = np.where(np.isnan(rewards), 5.0, rewards)
    assert_array_equal(found, group_advantages("gdpo", filled, groups, present=np.arange(7) != 3, weights=weights))
    given: Given = {"baseline": "length_weighted", "weights": weights}
    by_length = group_advantages("gdpo", rewards, groups, columns={"lengths": range(1, 8)}, **given)
    assert_array_equal(by_length, sc.advantages(rewards, groups, scale="decoupled", lengths=np.arange(1, 8), **given))
