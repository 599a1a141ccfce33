"""SkyRL: credit by turn for environments of several turns, by what each turn leads to.

    pip install . skyrl                           # in a checkout of shapley_credit
    python skyrl_turns.py trainer.algorithm.advantage_estimator=turns trainer.algorithm.shapley_credit.baseline=leave_one_out \
        generator.batched=false generator.max_turns=4 environment.env_class=search \
        trainer.policy.model.path=Qwen/Qwen3-0.6B data.train_data="['train.parquet']" data.val_data="['validation.parquet']"

The environment's `step` returns the reward of a turn. SkyRL writes it to the last token of the turn; the generator below marks
what tools answered, which SkyRL's advantage estimators do not see otherwise.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any

import ray
from shapley_credit.adapters.skyrl import register, turn_token_rewards
from skyrl.backends.skyrl_train.inference_servers.utils import resolve_policy_model_name
from skyrl.train.config.config import AlgorithmConfig, make_config
from skyrl.train.entrypoints.main_base import BasePPOExp
from skyrl.train.generators.skyrl_gym_generator import SkyRLGymGenerator
from skyrl.train.utils import validate_cfg
from skyrl.train.utils.utils import initialize_ray


@dataclass
class CreditConfig(AlgorithmConfig):  # type: ignore[misc]
    """SkyRL's algorithm, and the parameters of the estimator by name."""

    shapley_credit: dict[str, Any] = field(default_factory=dict)


Config = make_config(algorithm_cls=CreditConfig)


class TurnGenerator(SkyRLGymGenerator):  # type: ignore[misc]
    """SkyRL's generator, whose rewards show where turns are; a response that is filtered out has none, and counts nowhere."""

    async def generate(self, input_batch: Any, disable_tqdm: bool = False) -> Any:
        return turn_token_rewards(await super().generate(input_batch, disable_tqdm))


class Experiment(BasePPOExp):  # type: ignore[misc]
    def get_generator(self, cfg: Any, tokenizer: Any, inference_engine_client: Any) -> TurnGenerator:
        return TurnGenerator(
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
    register()  # before the configuration is checked
    cfg = Config.from_cli_overrides(sys.argv[1:])
    validate_cfg(cfg)
    initialize_ray(cfg)
    ray.get(train.remote(cfg))


if __name__ == "__main__":
    main()
