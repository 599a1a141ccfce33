"""SkyRL: every sentence of a response is paid its Owen value, paragraphs being unions of sentences.

    pip install . skyrl                           # in a checkout of shapley_credit
    python skyrl_owen_sentences.py trainer.algorithm.advantage_estimator=ospo \
        generator.n_samples_per_prompt=8 environment.env_class=gsm8k \
        trainer.policy.model.path=Qwen/Qwen3-0.6B data.train_data="['train.parquet']" data.val_data="['validation.parquet']"

The generator below scores each response with and without its sentences, and sends the credits along as rewards by token.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import ray
from shapley_credit.adapters.skyrl import register, token_rewards
from shapley_credit.credit import segments
from shapley_credit.credit.completions import segment_completions
from shapley_credit.methods import ospo
from skyrl.backends.skyrl_train.inference_servers.utils import resolve_policy_model_name
from skyrl.train.config.config import SkyRLTrainConfig
from skyrl.train.entrypoints.main_base import BasePPOExp
from skyrl.train.generators.skyrl_gym_generator import SkyRLGymGenerator
from skyrl.train.utils import validate_cfg
from skyrl.train.utils.utils import initialize_ray

# Up to the end of a sentence or of a line, with the white space behind it, so that nothing is left between two sentences.
SENTENCES = segments.matching(r"[^.!?\n]*[.!?\n]+\s*|[^.!?\n]+")

# How often a response may be scored: exact where its sentences need no more, else an estimate.
BUDGET = 128


def score(text: str) -> float:
    """Your reward model, in the place of the environment's reward. Here: how many different words there are."""
    return float(len(set(text.lower().split())))


class SentenceGenerator(SkyRLGymGenerator):  # type: ignore[misc]
    """SkyRL's generator, whose rewards by token are the credits of sentences, each at its last token."""

    async def generate(self, input_batch: Any, disable_tqdm: bool = False) -> Any:
        output = await super().generate(input_batch, disable_tqdm)
        ids, masks = output["response_ids"], output["loss_masks"]
        done = segment_completions(ids, masks, self.tokenizer, segments.paragraphs, SENTENCES)
        found = await asyncio.to_thread(ospo.segment_credit, done.texts, score, budget=BUDGET)
        return token_rewards(output, [estimate.values for estimate in found.estimates], done.tokens(done.texts))


class Experiment(BasePPOExp):  # type: ignore[misc]
    def get_generator(self, cfg: Any, tokenizer: Any, inference_engine_client: Any) -> SentenceGenerator:
        return SentenceGenerator(
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
    cfg = SkyRLTrainConfig.from_cli_overrides(sys.argv[1:])
    validate_cfg(cfg)
    initialize_ray(cfg)
    ray.get(train.remote(cfg))


if __name__ == "__main__":
    main()
