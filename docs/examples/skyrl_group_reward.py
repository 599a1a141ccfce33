"""SkyRL: the responses to a prompt earn together what their best one is worth, and a little for variety.

    pip install . skyrl                           # in a checkout of shapley_credit
    python skyrl_group_reward.py trainer.algorithm.advantage_estimator=grpo trainer.algorithm.grpo_norm_by_std=false \
        generator.n_samples_per_prompt=8 environment.env_class=gsm8k \
        trainer.policy.model.path=Qwen/Qwen3-0.6B data.train_data="['train.parquet']" data.val_data="['validation.parquet']"

The environment scores each response. The generator below, which has all responses to a prompt, pays each its Shapley value.
"""

from __future__ import annotations

import re
import sys
from typing import Any

import numpy as np
import ray
import shapley_credit as sc
from shapley_credit import utilities as u
from skyrl.backends.skyrl_train.inference_servers.utils import resolve_policy_model_name
from skyrl.train.config.config import SkyRLTrainConfig
from skyrl.train.entrypoints.main_base import BasePPOExp
from skyrl.train.generators.skyrl_gym_generator import SkyRLGymGenerator
from skyrl.train.utils import validate_cfg
from skyrl.train.utils.utils import initialize_ray


def last_number(text: str) -> int | None:
    """The answer that a response gives, None where there is no number."""
    found = re.findall(r"[0-9]+", text)
    return int(found[-1][:18]) if found else None


class GroupGenerator(SkyRLGymGenerator):  # type: ignore[misc]
    """SkyRL's generator, whose rewards are the shares of the responses in what their group is worth."""

    async def generate(self, input_batch: Any, disable_tqdm: bool = False) -> Any:
        output = await super().generate(input_batch, disable_tqdm)
        if input_batch["batch_metadata"].training_phase == "eval":
            return output  # evaluation shows what the environment says
        rewards = np.array([np.sum(reward) for reward in output["rewards"]])
        answers = [last_number(self.tokenizer.decode(ids)) for ids in output["response_ids"]]
        there = [any(mask) for mask in output["loss_masks"]]  # without those that SkyRL has filtered out
        worth = u.Max(rewards, mask=there) + 0.05 * u.DistinctCount(answers, mask=there)
        prompts = [one.instance_id for one in input_batch["trajectory_ids"]]
        return {**output, "rewards": sc.set_shapley(worth, groups=prompts).tolist()}


class Experiment(BasePPOExp):  # type: ignore[misc]
    def get_generator(self, cfg: Any, tokenizer: Any, inference_engine_client: Any) -> GroupGenerator:
        return GroupGenerator(
            generator_cfg=cfg.generator,
            skyrl_gym_cfg=cfg.environment.skyrl_gym,
            inference_engine_client=inference_engine_client,
            tokenizer=tokenizer,
            policy_model_name=resolve_policy_model_name(cfg),
        )


@ray.remote(num_cpus=1)  # type: ignore[untyped-decorator]
def train(cfg: Any) -> None:
    Experiment(cfg).run()


def main() -> None:
    cfg = SkyRLTrainConfig.from_cli_overrides(sys.argv[1:])
    validate_cfg(cfg)
    initialize_ray(cfg)
    ray.get(train.remote(cfg))


if __name__ == "__main__":
    main()
