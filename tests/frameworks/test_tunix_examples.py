"""The example of docs/examples trains: two steps of Tunix's GRPO on a model of its own, with the rule that it names."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import nnx
from shapley_credit.methods.group_rules import group_advantages

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "tunix_group_rule.py"


def weights(model: Any) -> list[Any]:
    return [np.array(part) for part in jax.tree.leaves(nnx.state(model, nnx.Param))]


def test_two_steps_of_grpo() -> None:
    example = runpy.run_path(str(EXAMPLE))
    steps: list[Any] = []

    def metric(rewards: Any, advantages: Any, **columns: Any) -> dict[str, Any]:
        steps.append((rewards, advantages))
        return {}

    def reward(prompts: Any, completions: Any, **columns: Any) -> list[float]:
        return [float(len(set(text.encode()))) for text in completions]  # untrained, most completions have no digit

    trained = example["learner"](reward=reward, metric_fns=[metric])
    model = trained.rl_cluster.actor_trainer.model
    before = weights(model)
    trained.train(example["PROMPTS"])
    assert trained.rl_cluster.global_steps == 2
    assert len(steps) == 2
    for rewards, advantages in steps:
        assert np.array_equal(advantages, group_advantages("pkpo", rewards, 8, m=2))
        assert advantages.any()
    assert any((one != other).any() for one, other in zip(before, weights(model), strict=True))
    assert all(np.isfinite(part).all() for part in weights(model))
