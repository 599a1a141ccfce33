"""Rules of groups refuse what can't be right, and say what there is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from numpy.testing import assert_array_equal
from shapley_credit import utilities as u
from shapley_credit.errors import InputError
from shapley_credit.methods.group_rules import GROUP_RULES, group_advantages

NAN = float("nan")
ALL = ", ".join(GROUP_RULES)


@pytest.mark.parametrize("name", ["own", "to_go", "marginal"])
def test_rules_of_order_are_refused_with_the_reason(name: str) -> None:
    with pytest.raises(InputError, match=f"{name}.*written in an order; parallel responses have none.*{ALL}"):
        group_advantages(name, [1.0, 0.0], 2)


@pytest.mark.parametrize("rule", ["grpo", "", None, 3, ["shapley"]], ids=str)
def test_unknown_rules_are_refused_with_all_there_are(rule: Any) -> None:
    with pytest.raises(InputError, match=f"the rule of a group must be one of {ALL}; got"):
        group_advantages(rule, [1.0, 0.0], 2)


@pytest.mark.parametrize("name", GROUP_RULES)
def test_unknown_parameters_are_refused_with_those_there_are(name: str) -> None:
    known = ", ".join([*GROUP_RULES[name].parameters, "baseline", "scale", "floor"])
    with pytest.raises(InputError, match=f"{name} takes {known}; got 'temperature'"):
        group_advantages(name, [1.0, 0.0], 2, temperature=1.0)


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("pkpo", {"m": 0}, "m must be a whole number >= 1; got 0"),
        ("pass_at_k", {"m": 2.0}, "m must be a whole number >= 1; got 2.0"),
        ("maxpo", {"m": None}, "m must be a whole number >= 1; got None"),
        (
            "shapley",
            {"utility": "worst"},
            "utility must be one of best, distinct, entropy, volume, or a function of rewards= and the",
        ),
        ("gapo", {"utility": "best"}, "utility must be one of entropy, distinct, frequency"),
        ("gapo", {"options": 0}, "options must be a whole number >= 1; got 0"),
        ("gapo", {"utility": "frequency"}, "the frequency utility needs options="),
        ("shapley", {"baseline": "median"}, "baseline must be one of none, mean"),
        ("shapley", {"scale": "decoupled"}, "scale must be one of none, group_std, batch_std"),
        ("shapley", {"scale": None}, "scale must be one of none, group_std, batch_std; got None"),
        ("shapley", {"floor": 0.0}, "floor must be positive"),
        ("shapley", {"baseline": "length_weighted"}, "lengths is missing, but baseline='length_weighted' needs it"),
        ("pkpo", {"m": 4}, "pkpo with m=4 pays groups of at least 4 responses; the largest here has 3"),
        ("maxpo", {"m": 3}, "maxpo with m=3 pays groups of at least 4 responses; the largest here has 3"),
        ("pass_at_k", {"m": 3}, "pass_at_k with m=3 pays groups of at least 4 responses"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_parameters_that_mean_nothing_are_refused(name: str, given: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        group_advantages(name, [1.0, 0.0, 1.0], 3, columns={"answer": [1, 2, 3]}, **given)


def test_the_largest_group_of_a_batch_must_be_large_enough() -> None:
    with pytest.raises(InputError, match="the largest here has 2, so that all advantages would be 0"):
        group_advantages("pkpo", [1.0, 0.0, 1.0, 0.0], 2, m=3)
    # Groups that are too small by themselves, or for lack of present responses, get 0.
    assert_array_equal(group_advantages("pkpo", [1.0, 0.0, 0.0, 1.0], [0, 0, 0, 1], m=3), [1.0, 0.0, 0.0, 0.0])
    assert_array_equal(group_advantages("pkpo", [1.0, 0.0, NAN, 0.0], [0, 0, 0, 1], m=3), np.zeros(4))


def test_gdpo_is_its_scale() -> None:
    with pytest.raises(InputError, match="scale must be one of decoupled; got 'none'"):
        group_advantages("gdpo", np.ones((2, 2)), 2, scale="none")
    with pytest.raises(InputError, match=r"rewards of gdpo must be \[N, R\]"):
        group_advantages("gdpo", [1.0, 0.0], 2)


@pytest.mark.parametrize(
    ("rewards", "told"),
    [
        ([], "rewards of shapley must be .N., N at least 1"),
        ([[1.0, 0.0]], "rewards of shapley must be .N., N at least 1; got shape .1, 2."),
        ([1.0, None], "rewards must hold real numbers; found None at .1.. Pass NaN, or present=False"),
        ([1.0, float("inf")], "rewards must be finite"),
        (["1", "0"], "rewards must hold real numbers"),
    ],
    ids=["empty", "matrix", "none", "infinite", "text"],
)
def test_rewards_that_are_no_numbers_are_refused(rewards: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        group_advantages("shapley", rewards, 2)


@pytest.mark.parametrize("present", [[True], [[True, False]], [0.5, 1.0], [None, True]], ids=str)
def test_present_is_a_flag_for_each(present: Any) -> None:
    with pytest.raises(InputError, match="present must be"):
        group_advantages("shapley", [1.0, 0.0], 2, present=present)


@pytest.mark.parametrize("groups", [["a"], ["a", None], 3], ids=str)
def test_groups_name_a_prompt_for_each(groups: Any) -> None:
    with pytest.raises(InputError, match="group"):
        group_advantages("shapley", [1.0, 0.0], groups)


@pytest.mark.parametrize("name", [name for name, rule in GROUP_RULES.items() if rule.columns])
def test_a_column_that_is_missing_is_named(name: str) -> None:
    (column,) = GROUP_RULES[name].columns
    for columns, known in ((None, "none"), ({"reward": [1, 2]}, "reward"), ({column: None}, "none")):
        with pytest.raises(InputError, match=f"the column '{column}' is needed beside rewards, .*; the columns are {known}"):
            group_advantages(name, [1.0, 0.0], 2, columns=columns)
    for cells in (["a"], "ab", 3.0, np.float64(1.0)):
        with pytest.raises(InputError, match=column):
            group_advantages(name, [1.0, 0.0], 2, columns={column: cells})


def test_columns_of_a_rule_that_does_not_read_them_are_left_alone() -> None:
    assert_array_equal(group_advantages("shapley", [1.0, 0.0], 2, columns={"answer": "nonsense", "m": object()}), [0.5, -0.5])


@pytest.mark.parametrize("cell", [None, 3, "ab", {"a": {}, "b": []}.items()], ids=["none", "number", "text", "unhashable"])
def test_items_are_lists_of_names(cell: Any) -> None:
    with pytest.raises(InputError, match=r"covers"):
        group_advantages("coverage", [NAN, 1.0, 1.0], 3, columns={"covers": [None, ["a"], cell]})


def test_flags_of_items_are_a_matrix_of_flags() -> None:
    for cells in (np.array([1.0, 0.0]), np.array([[0.5], [1.0]])):
        with pytest.raises(InputError, match="covers must be"):
            group_advantages("coverage", [1.0, 1.0], 2, columns={"covers": cells})


def test_embeddings_are_vectors_of_numbers() -> None:
    for cells in ([1.0, 2.0], [[1.0], ["x"]], [[1.0], [1.0, 2.0]], [[1.0], [np.inf]]):
        with pytest.raises(InputError):
            group_advantages("gcpo", [1.0, 1.0], 2, columns={"embedding": cells})
    with pytest.raises(InputError, match="embedding has NaN in row 1; set present to False"):
        group_advantages("gcpo", [1.0, 1.0], 2, columns={"embedding": [[1.0], [NAN]]})


def test_passes_are_right_or_wrong() -> None:
    with pytest.raises(InputError, match=r"pass_at_k reads right and wrong, rewards 1 and 0; row 2 has 0\.5\..*pkpo or maxpo"):
        group_advantages("pass_at_k", [NAN, 1.0, 0.5, 0.0], 4)
    with pytest.raises(InputError, match="reads right and wrong"):
        group_advantages("pass_at_k", [1.0, -1.0, 0.0], 3)


def test_a_set_utility_is_one_of_rows() -> None:
    with pytest.raises(InputError, match="groups= splits a utility of flat data"):
        group_advantages("shapley", [1.0, 0.0], 2, utility=lambda rewards, **columns: sum(rewards))
    with pytest.raises(InputError, match=r"2 rows|one id for each"):
        group_advantages("shapley", [1.0, 0.0], 2, utility=lambda rewards, **columns: u.Max([1.0, 2.0, 3.0]))


@pytest.mark.parametrize("name", GROUP_RULES)
def test_a_batch_in_which_nobody_is_present_gets_nothing(name: str) -> None:
    columns = {"answer": ["x"] * 3, "covers": [["x"]] * 3, "embedding": np.ones((3, 2))}
    rewards = np.ones((3, 2) if name == "gdpo" else 3)
    assert_array_equal(group_advantages(name, rewards, 3, columns=columns, present=[False] * 3), np.zeros(3))


def test_an_embedding_with_a_coordinate_that_is_missing_is_refused() -> None:
    with pytest.raises(InputError, match="embedding has NaN in row 1"):
        group_advantages("gcpo", [1.0, 1.0], 2, columns={"embedding": [[1.0, 0.0], [1.0, NAN]]})


def test_the_floor_of_a_deviation_is_that_of_advantages() -> None:
    for rewards in ([0.0, 0.005], [0.0, 0.0001]):
        found = group_advantages("shapley", rewards, 2, scale="group_std")
        assert_array_equal(found, sc.advantages(np.array(rewards), 2, scale="group_std"))
