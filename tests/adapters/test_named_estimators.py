"""Estimators by name: rules of groups, parameters from the configuration, the keywords of versions of verl and SkyRL."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from numpy.testing import assert_array_equal
from shapley_credit import InputError
from shapley_credit import utilities as u
from shapley_credit.adapters import settings
from shapley_credit.adapters.estimators import group_estimator, rule_estimator, segment_estimator, turn_estimator
from shapley_credit.adapters.registered import BY_TOKEN, ESTIMATORS, names_beside
from shapley_credit.adapters.settings import configured
from shapley_credit.methods.group_rules import GROUP_RULES, group_advantages

# Groups of four, one, and three of which one has no trainable token.
UIDS = ["p", "q", "p", "r", "p", "r", "p", "r"]
REWARDS = np.zeros((8, 4), np.float32)
REWARDS[:, 2] = TOTALS = np.array([1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0])
MASK = np.array([[1, 1, 1, 0]] * 7 + [[0] * 4])
PRESENT = MASK.any(1)
COLUMNS = {
    "answer": np.array(["x", "y", "y", None, "z", "x", "y", "w"], object),
    "covers": np.array([[1], [2], [1, 2], [], [3], [1], [1, 2, 3], [4], None], object)[:-1],
    "embedding": np.array([*np.eye(3)[[0, 1, 2, 0, 1, 2, 0, 1]], None], object)[:-1],
    "format": np.array([1.0, 0.0, 0.0, 1.0, 0.5, 0.0, 1.0, 0.0]),
    "accuracy": TOTALS,
}


def paid(advantages: Any) -> Any:
    return advantages[:, None].astype(np.float32) * MASK


@pytest.mark.parametrize("name", sorted(set(GROUP_RULES) - {"gdpo"}))
def test_a_rule_pays_by_its_name(name: str) -> None:
    found, returns = ESTIMATORS[name](REWARDS, MASK, UIDS, config=None, non_tensor_batch=COLUMNS)
    wanted = group_advantages(name, TOTALS, UIDS, columns=COLUMNS, present=PRESENT)
    assert_array_equal(found, paid(wanted))
    assert returns is found
    assert found.any()


def test_parameters_come_from_the_configuration() -> None:
    for config in (
        {"shapley_credit": {"m": 3}},
        SimpleNamespace(shapley_credit={"m": 3}),
    ):
        found, _ = ESTIMATORS["pkpo"](REWARDS, MASK, UIDS, config=config)
        assert_array_equal(found, paid(group_advantages("pkpo", TOTALS, UIDS, present=PRESENT, m=3)))
    assert not np.array_equal(found, ESTIMATORS["pkpo"](REWARDS, MASK, UIDS)[0])
    scaled = {"shapley_credit": {"baseline": "leave_one_out", "scale": "group_std"}}
    found, _ = ESTIMATORS["shapley"](REWARDS, MASK, UIDS, config=scaled)
    by_hand = group_estimator(lambda rewards, **_: u.Max(rewards), baseline="leave_one_out", scale="group_std")
    assert_array_equal(found, by_hand(REWARDS, MASK, UIDS)[0])
    longer = {"shapley_credit": {"baseline": "length_weighted"}}
    assert ESTIMATORS["maxrl"](REWARDS, MASK, UIDS, config=longer)[0].any()


STEPS = np.tile(np.array([1.0, 0.0, 2.0, 0.0], np.float32), (8, 1)) * np.arange(1, 9)[:, None]


CANDIDATES: dict[str, Any] = {
    "candidate_rewards": [[1.0, 2.0]] * 4 + [[3.0, 0.0]] * 4,
    "segment_candidate": [[0, 1]] * 8,
    "segment_lengths": [[1, 2]] * 8,
}


def test_parameters_of_segments_and_turns() -> None:
    asked = {"credit": "to_go", "baseline": "leave_one_out", "scale": "none"}
    found, _ = ESTIMATORS["ospo"](STEPS, MASK, UIDS, config={"shapley_credit": asked})
    assert_array_equal(found, segment_estimator(**asked)(STEPS, MASK, UIDS)[0])  # type: ignore[arg-type]
    mixed = {"credit": "marginal", "lam": 0.5}
    with pytest.raises(InputError, match="a mixture reads segment_credit and segment_marginal"):
        ESTIMATORS["ospo"](STEPS, MASK, UIDS, config={"shapley_credit": mixed})
    scaled = {"scale": "group_std"}
    found, _ = ESTIMATORS["shape_grpo"](STEPS, MASK, UIDS, config={"shapley_credit": scaled})
    assert_array_equal(found, ESTIMATORS["ospo"](STEPS, MASK, UIDS)[0])
    plain, divided = (
        ESTIMATORS["shape_grpo"](STEPS, MASK, UIDS, config={"shapley_credit": asked}, non_tensor_batch=CANDIDATES)[0]
        for asked in ({}, scaled)
    )
    three = {
        "candidate_rewards": [[1.0, 2.0, 3.0]] * 8,
        "segment_candidate": [[0, 1, 2]] * 8,
        "segment_lengths": [[1, 1, 1]] * 8,
    }
    default, leave_one_out, shapley = (
        ESTIMATORS["shape_grpo"](STEPS, MASK, UIDS, config={"shapley_credit": asked}, non_tensor_batch=three)[0]
        for asked in ({}, {"value": "leave_one_out"}, {"value": "shapley"})
    )
    assert_array_equal(default, leave_one_out)
    assert not np.array_equal(default, shapley)
    with pytest.raises(InputError, match="value must be one of"):
        ESTIMATORS["shape_grpo"](STEPS, MASK, UIDS, config={"shapley_credit": {"value": "banzhaf"}})
    assert_array_equal(plain != 0, divided != 0)
    assert not np.array_equal(plain, divided)
    turns = {"baseline": "mean", "scale": "group_std", "gamma": 0.5}
    found, _ = ESTIMATORS["turns"](STEPS, MASK, UIDS, config={"gamma": 0.9, "shapley_credit": turns})
    assert_array_equal(found, turn_estimator(**turns)(STEPS, MASK, UIDS)[0])  # type: ignore[arg-type]


def test_parameters_that_there_are_not() -> None:
    for name, asked, told in (
        ("shapley", {"m": 4}, "shapley takes utility, baseline, scale, floor; got 'm'"),
        ("ospo", {"k": 4}, "shapley_credit of the configuration has k, .* it takes credit, lam, baseline, scale, spread"),
        ("ospo_to_go", {"credit": "own"}, "has credit, .* it takes lam, baseline, scale, spread"),
        ("turns_own", {"credit": "to_go"}, "has credit"),
        ("turns", {"baseline": "median"}, "the baseline of turns"),
        ("pass_at_k", {"m": 0}, "m"),
        ("turns", 4, "must hold parameters by name, such as shapley_credit.m=4; got 4"),
    ):
        with pytest.raises(InputError, match=told):
            ESTIMATORS[name](STEPS, MASK, UIDS, config={"shapley_credit": asked})


@pytest.mark.parametrize("rule", ["own", "to_go", "marginal"])
def test_parallel_responses_have_no_order(rule: str) -> None:
    with pytest.raises(InputError, match="parallel responses have none"):
        rule_estimator(rule)
    with pytest.raises(InputError, match="the rule of a group"):
        rule_estimator("best_of_all")


@pytest.mark.parametrize("name", [name for name, rule in GROUP_RULES.items() if rule.columns])
def test_rules_say_what_to_do_where_columns_are_not_passed(name: str) -> None:
    told = (
        f"{name} reads the column {GROUP_RULES[name].columns[0]} of non_tensor_batch, and this framework passes no such column"
    )
    for columns in (None, {"uid": np.array(UIDS, object)}):
        with pytest.raises(InputError, match=told):
            ESTIMATORS[name](REWARDS, MASK, UIDS, non_tensor_batch=columns)


def test_gdpo_reads_the_rewards_that_verl_names() -> None:
    config = {"gdpo_reward_keys": ["format", "accuracy"], "gdpo_reward_weights": [1.0, 2.0]}
    found, _ = ESTIMATORS["gdpo"](REWARDS, MASK, UIDS, config=config, non_tensor_batch=COLUMNS)
    rewards = np.column_stack([COLUMNS["format"], COLUMNS["accuracy"]])
    assert_array_equal(found, paid(group_advantages("gdpo", rewards, UIDS, present=PRESENT, weights=[1.0, 2.0])))
    own = {**config, "shapley_credit": {"weights": [1.0, 0.0]}}
    assert not np.array_equal(ESTIMATORS["gdpo"](REWARDS, MASK, UIDS, config=own, non_tensor_batch=COLUMNS)[0], found)
    with pytest.raises(InputError, match="gdpo reads the column that gdpo_reward_keys names"):
        ESTIMATORS["gdpo"](REWARDS, MASK, UIDS, config={}, non_tensor_batch=COLUMNS)
    with pytest.raises(InputError, match=r"format must hold real numbers; found None at \[0\]"):
        none = {**COLUMNS, "format": np.array([None, *COLUMNS["format"][1:]], object)}
        ESTIMATORS["gdpo"](REWARDS, MASK, UIDS, config=config, non_tensor_batch=none)


def test_names_of_the_framework_stay_its_own() -> None:
    names = names_beside({"grpo", "gdpo", "maxrl"})
    assert names["group_gdpo"] is ESTIMATORS["gdpo"]
    assert names["group_maxrl"] is ESTIMATORS["maxrl"]
    assert not names.keys() & {"gdpo", "maxrl"}
    assert len(names) == len(ESTIMATORS)
    assert set(BY_TOKEN) == set(ESTIMATORS) - set(GROUP_RULES)


# What compute_advantage passes to an estimator that is none of verl's own: without the column uid and with reward_baselines
# since 0.4.1, and with columns and tensors once pull request 7473 is in; what SkyRL passes in 0.3.0 and on its main branch.
VERL: dict[str, dict[str, Any]] = {
    "verl 0.6 to main": {"config": {"gamma": 1.0}},
    "verl, ReMax": {"config": {"gamma": 1.0}, "reward_baselines": np.zeros(8)},
    "verl, columns": {"config": {"gamma": 1.0}, "non_tensor_batch": COLUMNS},
    "verl, columns and tensors": {"config": {"gamma": 1.0}, "non_tensor_batch": COLUMNS, "batch": {"responses": MASK}},
    "verl, no configuration": {"config": None, "non_tensor_batch": {}, "batch": {}},
    "SkyRL 0.3 to main": {"values": None, "grpo_norm_by_std": True, "gamma": 1.0, "lambd": 1.0, "config": None},
}


@pytest.mark.parametrize("version", VERL)
@pytest.mark.parametrize("name", ["shapley", "maxrl", "ospo", "shape_grpo", "turns"])
def test_keywords_of_every_version(name: str, version: str) -> None:
    given = {"token_level_rewards": STEPS, "response_mask": MASK, "index": np.array(UIDS, object), **VERL[version]}
    found, returns = ESTIMATORS[name](**given)
    assert_array_equal(found, ESTIMATORS[name](STEPS, MASK, UIDS)[0])
    assert found is returns


@pytest.fixture
def unwarned() -> Iterator[None]:
    settings._warn.cache_clear()
    yield
    settings._warn.cache_clear()


FILTERS = {
    "filter_groups": {"filter_groups": {"enable": True, "metric": "reward"}},
    "zero_variance_filter": SimpleNamespace(zero_variance_filter=True),
    "dynamic_sampling": SimpleNamespace(dynamic_sampling=SimpleNamespace(type="filter")),
}


@pytest.mark.parametrize("name", FILTERS)
def test_filters_on_equal_totals_are_warned_of_once(name: str, unwarned: None) -> None:
    for estimator, columns in (("turns", {}), ("ospo", {}), ("shape_grpo", CANDIDATES)):
        settings._warn.cache_clear()
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            ESTIMATORS["shapley"](STEPS, MASK, UIDS, config=FILTERS[name])  # nothing is lost there
            assert not seen
            for _ in range(2):
                ESTIMATORS[estimator](STEPS, MASK, UIDS, config=FILTERS[name], non_tensor_batch=columns)
        assert [name in str(each.message) for each in seen] == [True]
    off = {"filter_groups": {"enable": False}, "zero_variance_filter": False, "dynamic_sampling": {"type": None}}
    settings._warn.cache_clear()
    ESTIMATORS["turns"](STEPS, MASK, UIDS, config=off)


def test_groups_that_a_filter_broke_are_credited_as_what_is_left() -> None:
    kept = np.array([0, 2, 4, 5])
    found, _ = ESTIMATORS["shapley"](REWARDS[kept], MASK[kept], [UIDS[row] for row in kept])
    credit = sc.set_shapley(u.Max(TOTALS[kept]), groups=[UIDS[row] for row in kept])
    wanted = sc.advantages(credit, [UIDS[row] for row in kept])
    assert_array_equal(found, wanted[:, None].astype(np.float32) * MASK[kept])


def test_a_maker_of_yours_is_configured_too() -> None:
    def scaled(factor: float = 1.0) -> Any:
        return lambda rewards, mask, index, **_: (rewards * factor, rewards)

    found, _ = configured(scaled)(REWARDS, MASK, UIDS, config={"shapley_credit": {"factor": 2.0}})
    assert_array_equal(found, 2.0 * REWARDS)
