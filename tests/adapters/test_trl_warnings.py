"""TRL: settings and rules that train something else than the credit, which are warned of once a process."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from shapley_credit import utilities as u
from shapley_credit.adapters import trl
from shapley_credit.adapters.trl_checks import _warned, warn_of_bias, warn_of_sums

from trainers import Trainer

NAN = float("nan")


@pytest.fixture(autouse=True)
def _unwarned() -> Iterator[None]:
    _warned().clear()
    yield
    _warned().clear()


def told(settings: dict[str, Any], args: dict[str, Any]) -> list[str]:
    """The warnings of three steps of a trainer with such settings."""
    trainer = Trainer(2)
    vars(trainer).update(settings, args=SimpleNamespace(**args))
    reward = trl.group_reward(lambda completions, **_: u.Max([float(len(text)) for text in completions]))
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for _ in range(3):
            assert reward(log_metric=trainer.log_metric, prompts=["p"] * 2, completions=["a", "aa"]) == [0.5, 1.5]
    return [str(each.message) for each in seen]


@pytest.mark.parametrize(
    ("settings", "args"),
    [
        ({"scale_rewards": "group"}, {}),
        ({"scale_rewards": "batch"}, {}),
        ({"scale_rewards": "none"}, {"multi_objective_aggregation": "normalize_then_sum"}),
        ({}, {"normalize_advantages": True}),
    ],
    ids=["group", "batch", "each_reward", "rloo"],
)
def test_a_division_by_a_deviation_is_warned_of_once(settings: dict[str, Any], args: dict[str, Any]) -> None:
    (warning,) = told(settings, args)
    assert "divides the credits of group_reward by a deviation" in warning
    assert "Set scale_rewards='none'" in warning


def test_nothing_is_warned_of_without_a_division() -> None:
    assert told({"scale_rewards": "none"}, {"multi_objective_aggregation": "sum_then_normalize"}) == []
    assert told({}, {"normalize_advantages": False}) == []


@pytest.mark.parametrize("totals", [[1.0, 0.0], [0.0, 5.0], [0.5, NAN, 1.0]], ids=["swapped", "other", "absent"])
def test_credits_of_another_reward_are_warned_of_once(totals: list[float]) -> None:
    with pytest.warns(UserWarning, match="add up to .*, and its reward is .*even share of the difference"):
        warn_of_sums(totals, [0.0, 1.0, 0.0][: len(totals)])
    warn_of_sums(totals, [0.0, 1.0, 0.0][: len(totals)])


@pytest.mark.parametrize(
    ("totals", "rewards"),
    [([1.0, 2.0], [1.0, 2.0]), ([0.75, 1.75], [1.0, 2.0]), ([1.0, 2.0], [1.0 + 1e-6, 2.0]), ([3.0, NAN], [0.0, NAN]), ([], [])],
    ids=["equal", "empty text", "rounding", "alone", "none"],
)
def test_sums_that_change_no_advantage_are_not_warned_of(totals: list[float], rewards: list[float]) -> None:
    warn_of_sums(totals, rewards)


def test_marginal_credit_over_a_deviation_is_warned_of_once() -> None:
    with pytest.warns(UserWarning, match="noisy and biased: set scale_rewards='none'"):
        warn_of_bias("marginal", 0.0, "group")
    warn_of_bias("marginal", 0.0, "group")


@pytest.mark.parametrize(
    ("credit", "lam", "scale"), [("marginal", 0.0, "none"), ("marginal", 0.5, "group"), ("own", 0, "group")]
)
def test_other_rules_and_scales_are_not_warned_of(credit: str, lam: float, scale: str) -> None:
    warn_of_bias(credit, lam, scale)
