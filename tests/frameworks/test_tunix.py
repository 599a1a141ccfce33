"""Tunix: rules of groups in its registry, called by its own GRPO learner, and rewards that see a group."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import jax
import numpy as np
import pytest
from shapley_credit import InputError, advantages, set_shapley
from shapley_credit import utilities as u
from shapley_credit.adapters import tunix
from shapley_credit.methods.group_rules import GROUP_RULES, group_advantages
from tunix.rl import algo_core, function_registry
from tunix.rl.grpo.drgrpo_learner import DrGRPOConfig
from tunix.rl.grpo.grpo_learner import GRPOConfig, GRPOLearner
from tunix.rl.reward_manager import SequenceRewardManager

REWARDS = [1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
TEXTS = ["yes", "no", "yes", "so", "no", "so", "yes", "no"]


def learner(config: Any, reward: Any) -> Any:
    """Tunix's own learner, whose cluster has generated TEXTS: four completions to each of two prompts."""
    made = GRPOLearner.__new__(GRPOLearner)
    made.algo_config, made.metric_fns = config, []
    made.reward_manager = SequenceRewardManager(reward, config)
    made._rollout_micro_batch_size = 2
    made.rl_cluster = MagicMock()
    made.rl_cluster.rollout.pad_id.return_value = 0
    made.rl_cluster.cluster_config.rollout_config = SimpleNamespace(max_tokens_to_generate=3)
    made.rl_cluster.generate.return_value = SimpleNamespace(
        text=TEXTS, tokens=[np.array([5, 6])] * 8, left_padded_prompt_tokens=np.ones((8, 2), np.int32)
    )
    return made


def paid(config: Any, reward: Any = lambda prompts, completions, **columns: REWARDS) -> Any:
    given = {"prompts": np.array(["a"] * 4 + ["b"] * 4), "answer": np.array(["yes"] * 4 + ["no"] * 4)}
    example = learner(config, reward)._generate_and_compute_advantage(given)
    assert isinstance(example.advantages, jax.Array)
    return np.asarray(example.advantages)


@pytest.mark.parametrize("rule", tunix.RULES)
def test_the_learner_calls_a_rule_by_its_name(rule: str) -> None:
    assert function_registry.get_advantage_estimator(tunix_name(rule)).rule == rule
    found = paid(GRPOConfig(advantage_estimator=rule, num_generations=4, beta=0.0))
    assert np.array_equal(found, group_advantages(rule, REWARDS, 4).astype(np.float32))
    assert found.any()


def tunix_name(rule: str) -> str:
    tunix.register()
    return rule


def test_parameters_are_those_of_the_registration() -> None:
    config = GRPOConfig(advantage_estimator="pkpo", num_generations=4, beta=0.0)
    tunix.register(pkpo={"m": 4, "baseline": "leave_one_out"})
    assert np.array_equal(paid(config), group_advantages("pkpo", REWARDS, 4, m=4, baseline="leave_one_out").astype("float32"))
    tunix.register()
    assert np.array_equal(paid(config), group_advantages("pkpo", REWARDS, 4).astype("float32"))


def test_every_rule_is_registered_or_says_why_not() -> None:
    named = tunix.register()
    for rule in GROUP_RULES:
        if rule in named:
            assert algo_core.registry.get("advantage_estimator", rule) is named[rule]
            continue
        with pytest.raises(InputError, match=rf"{rule} reads more than one reward.*by tunix\.group_reward"):
            tunix.register(**{rule: {}})
    assert {"grpo", "rloo", "drgrpo", "gae"}.isdisjoint(named)


def test_a_name_of_tunix_stays_that_of_tunix() -> None:
    kind, theirs = "advantage_estimator", algo_core.compute_advantages
    algo_core.registry._registry[kind].pop("maxrl", None)
    algo_core.registry.register(kind, "maxrl")(theirs)
    try:
        named = tunix.register()
        assert "maxrl" not in named
        assert named["group_maxrl"].rule == "maxrl"
        assert algo_core.registry.get(kind, "maxrl") is theirs
    finally:
        for name in ("maxrl", "group_maxrl"):
            algo_core.registry._registry[kind].pop(name)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no rule": ({"grpo": {}}, "the rule of a group must be one of shapley"),
    "of segments": ({"to_go": {}}, "'to_go' is a rule for the segments"),
    "no parameter": ({"maxrl": {"m": 2}}, "maxrl takes baseline"),
    "no value": ({"pkpo": {"m": 0}}, "m must be a whole number >= 1; got 0"),
    "no baseline": ({"shapley": {"baseline": "median"}}, "baseline must be one of"),
    "no mapping": ({"pkpo": 4}, "the parameters of pkpo must be a mapping"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_is_said_when_it_is_registered(name: str) -> None:
    given, message = BAD[name]
    before = dict(algo_core.registry._registry["advantage_estimator"])
    with pytest.raises(InputError, match=message):
        tunix.register(**given)
    assert algo_core.registry._registry["advantage_estimator"] == before


def test_rewards_of_whole_groups_with_their_columns() -> None:
    seen = []

    def distinct(prompts: Any, completions: Any, answer: Any, **columns: Any) -> Any:
        seen.append((list(map(str, prompts)), completions, list(map(str, answer))))
        return u.Max([float(text == right) for text, right in zip(completions, answer, strict=True)]) + u.DistinctCount(
            completions
        )

    found = paid(DrGRPOConfig(num_generations=4, beta=0.0), tunix.group_reward(distinct))
    assert seen == [(["a"] * 4, TEXTS[:4], ["yes"] * 4), (["b"] * 4, TEXTS[4:], ["no"] * 4)]
    right = np.array([[1, 0, 1, 0], [1, 0, 0, 1]], float)
    labels = np.array(TEXTS).reshape(2, 4)
    credit = set_shapley(u.Max(right) + u.DistinctCount(labels))
    assert np.allclose(found, advantages(credit.reshape(-1), 4), atol=1e-6)
    assert tunix.group_reward(distinct).__name__ == "distinct"


def test_rows_are_whole_groups() -> None:
    reward = tunix.group_reward(lambda completions, **columns: u.Max([0.0] * len(completions)))
    with pytest.raises(InputError, match="7 completions are no whole groups of num_generations=4"):
        reward(prompts=["a"] * 7, completions=["b"] * 7, num_generations=4)
    with pytest.raises(InputError, match="num_generations must be a whole number >= 1; got 0"):
        reward(prompts=["a"], completions=["b"], num_generations=0)
    with pytest.raises(InputError, match="groups"):
        tunix.register()["shapley"](rewards=np.ones(7), num_generations=4)
