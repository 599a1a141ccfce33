"""verl: the responses to a prompt earn together what the two best of them are worth, and each is paid its Shapley value.

    pip install . verl                            # in a checkout of shapley_credit
    export PYTHONPATH=$PWD                        # the folder of this file
    export VERL_USE_EXTERNAL_MODULES=verl_group_reward
    python -m verl.trainer.main_ppo algorithm.adv_estimator=two_best \
        reward.custom_reward_function.path=pkg://verl_group_reward reward.custom_reward_function.name=compute_score \
        actor_rollout_ref.rollout.n=8 \
        data.train_files=train.parquet data.val_files=test.parquet actor_rollout_ref.model.path=Qwen/Qwen3-0.6B

For the best response alone no module is needed: `algorithm.adv_estimator=shapley` is there as soon as the package is installed.
"""

from __future__ import annotations

import re
from typing import Any

from shapley_credit import utilities as u
from shapley_credit.adapters.estimators import group_estimator
from verl.trainer.ppo.core_algos import register_adv_est


def compute_score(data_source: str, solution_str: str, ground_truth: str, extra_info: Any = None, **_: Any) -> float:
    """1 for the right number, 0.1 for a wrong one, 0 for none."""
    numbers = re.findall(r"[0-9]+", solution_str)
    return 0.0 if not numbers else 1.0 if numbers[-1] == ground_truth else 0.1


def two_best(rewards: Any, **columns: Any) -> Any:
    """The utility of the responses to one prompt, from their rewards."""
    return u.TopM(rewards, 2)


register_adv_est("two_best")(group_estimator(two_best))
