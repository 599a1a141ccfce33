"""Two steps of GRPO in Tunix, on one CPU and a model from random weights, whose completions are paid for a set reward.

    pip install google-tunix jax .                # in a checkout of shapley_credit
    JAX_PLATFORMS=cpu python tunix_group_reward.py

The completions of a prompt earn together what their best one is worth, and a little for variety. Each gets its Shapley value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
import optax
from flax import nnx
from shapley_credit import utilities as u
from shapley_credit.adapters import tunix
from tunix.models.qwen3 import model as qwen3
from tunix.rl import rl_cluster
from tunix.rl.grpo.grpo_learner import GRPOConfig, GRPOLearner
from tunix.rl.rollout.base_rollout import RolloutConfig

# "grpo" would divide by the deviation of the group, which undoes the adding up.
CONFIG = GRPOConfig(advantage_estimator="drgrpo", num_generations=8, beta=0.0)

# A batch of two prompts for each of two steps; Tunix passes every column to the reward function.
PROMPTS = [{"prompts": np.array(["1+1=", "2+3="]), "wanted": np.array(["2", "5"])}] * 2


def best_and_variety(completions: list[str], wanted: list[str], **columns: Any) -> Any:
    """The utility of the completions of one prompt: how often the best of them has the right digit, and how many differ."""
    right = [float(text.count(digit)) for text, digit in zip(completions, wanted, strict=True)]
    return u.Max(right) + 0.05 * u.DistinctCount(completions)


class Bytes:
    """A tokenizer with a token for each byte, behind those for padding and for the start and the end of a text."""

    def encode(self, text: str, **options: Any) -> list[int]:
        return [3 + byte for byte in text.encode()]

    def decode(self, ids: Sequence[int], **options: Any) -> str:
        return bytes(int(token) - 3 for token in ids if token > 2).decode(errors="replace")

    def pad_id(self) -> int:
        return 0

    def bos_id(self) -> int:
        return 1

    def eos_id(self) -> int:
        return 2


def model() -> Any:
    """A Qwen3 of one layer; `tunix.models` loads the weights of large ones."""
    size = qwen3.ModelConfig(
        num_layers=1,
        vocab_size=259,
        embed_dim=16,
        hidden_dim=32,
        num_heads=2,
        head_dim=8,
        num_kv_heads=1,
        rope_theta=10_000,
        norm_eps=1e-6,
        use_tied_embedding=True,
    )
    return qwen3.Qwen3(size, rngs=nnx.Rngs(0))


def learner() -> Any:
    """Tunix's GRPO learner, all of it on one device."""
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:1]).reshape(1, 1), ("fsdp", "tp"))
    roles = (rl_cluster.Role.ACTOR, rl_cluster.Role.REFERENCE, rl_cluster.Role.ROLLOUT)
    training = rl_cluster.RLTrainingConfig(
        actor_optimizer=optax.sgd(0.1), eval_every_n_steps=100, max_steps=2, mini_batch_size=2, train_micro_batch_size=2
    )
    rollout = RolloutConfig(max_tokens_to_generate=8, max_prompt_length=8, kv_cache_size=32, temperature=1.0)
    settings = rl_cluster.ClusterConfig(
        role_to_mesh=dict.fromkeys(roles, mesh),
        rollout_engine="vanilla",
        offload_to_cpu=False,
        training_config=training,
        rollout_config=rollout,
    )
    cluster = rl_cluster.RLCluster(actor=model(), reference=model(), tokenizer=Bytes(), cluster_config=settings)
    return GRPOLearner(cluster, CONFIG, tunix.group_reward(best_and_variety), [shown])


def shown(rewards: Any, advantages: Any, **columns: Any) -> dict[str, Any]:
    """Print the credits and the advantages of a step, a row for each prompt."""
    print(rewards.reshape(2, 8).round(3), advantages.reshape(2, 8).round(3), sep="\n")
    return {}


if __name__ == "__main__":
    learner().train(PROMPTS)
