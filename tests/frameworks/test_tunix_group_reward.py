"""docs/examples/tunix_group_reward.py trains: two steps of Tunix's GRPO whose rewards are the credits of its set reward."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import utilities as u

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "tunix_group_reward.py"


def test_two_steps_of_grpo() -> None:
    example = runpy.run_path(str(EXAMPLE))
    steps: list[dict[str, Any]] = []

    def shown(**step: Any) -> dict[str, Any]:
        steps.append(step)
        return {}

    example["learner"].__globals__["shown"] = shown
    # Every token as a digit: untrained, the model would hardly write one.
    example["Bytes"].decode = lambda self, ids, **_: "".join(str(int(token) % 10) for token in ids)
    trained = example["learner"]()
    trained.train(example["PROMPTS"])
    assert trained.rl_cluster.global_steps == 2
    assert len(steps) == 2
    for step in steps:
        rewards, advantages = np.asarray(step["rewards"]).reshape(2, 8), np.asarray(step["advantages"]).ravel()
        for place, digit in enumerate(["2", "5"]):
            texts = list(step["completions"])[8 * place : 8 * (place + 1)]
            worth = u.Max([float(text.count(digit)) for text in texts]) + 0.05 * u.DistinctCount(texts)
            assert rewards[place].tolist() == pytest.approx(sc.set_shapley(worth, 8).tolist())
        assert advantages.tolist() == pytest.approx(sc.advantages(rewards.ravel(), 8).tolist(), abs=1e-6)
        assert advantages.any()
