"""One rank of runs of two: trains with set rewards and with token credit, and writes down what this rank saw.

python -m torch.distributed.run --standalone --nproc-per-node 2 on_two_ranks.py FOLDER PER_DEVICE,NUM_GENERATIONS ..
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import torch
from shapley_credit import utilities as u
from shapley_credit.adapters.trl import group_reward, token_credit
from trl import GRPOConfig, GRPOTrainer

sys.path.append(str(Path(__file__).parents[1] / "support"))

from tiny_models import dataset, save_model, settings


def best(completions: Any, **_: Any) -> u.Max:
    return u.Max([float(len(set(text))) for text in completions])


async def distinct(completions: Any, **_: Any) -> u.DistinctCount:
    # Groups finish in another order than they start, and another one on each rank.
    await asyncio.sleep(0.01 * (len(completions[0]) % 3) * (1 + int(os.environ["RANK"])))
    kinds = sorted({text[:1] for text in completions})
    return u.DistinctCount([kinds.index(text[:1]) for text in completions])


async def shortest(completions: Any, **_: Any) -> u.Min:
    await asyncio.sleep(0.02 * (1 - int(os.environ["RANK"])))
    return u.Min([float(len(text)) for text in completions])


def rule(rewards: Any, masks: Any, **_: Any) -> tuple[Any, Any]:
    """What the first half of each completion earns depends on the whole group."""
    lengths = [[sum(mask) // 2, sum(mask) - sum(mask) // 2] for mask in masks]
    return [[reward - min(rewards), min(rewards)] for reward in rewards], lengths


class Watched(GRPOTrainer):  # type: ignore[misc]
    seen: list[dict[str, Any]]

    def _calculate_rewards(self, inputs: Any, prompts: Any, completions: Any, completion_ids_list: Any) -> Any:
        rewards = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
        start = self.accelerator.process_index * len(prompts)
        own = rewards[start : start + len(prompts)].tolist()
        self.seen = [*getattr(self, "seen", []), {"prompts": prompts, "completions": completions, "rewards": own}]
        return rewards


class Witness(token_credit(Watched, rule)):  # type: ignore[misc]
    def _generate_and_score_completions(self, inputs: Any) -> Any:
        out = super()._generate_and_score_completions(inputs)
        self.seen[-1] |= {"advantages": out["advantages"].tolist(), "masks": out["completion_mask"].tolist()}
        return out


def main(folder: Path, layouts: list[str]) -> None:
    rank = os.environ["RANK"]
    model = save_model(folder / f"model{rank}")
    for layout in layouts:
        per_device, num_generations = map(int, layout.split(","))
        given = {"per_device_train_batch_size": per_device, "num_generations": num_generations, "ddp_backend": "gloo"}
        torch.manual_seed(0)
        rewards = [group_reward(best), group_reward(distinct), group_reward(shortest)]
        args = GRPOConfig(**settings(folder, scale_rewards="none", **given))
        trainer = Witness(model=model, reward_funcs=rewards, args=args, train_dataset=dataset())
        trainer.train()
        (folder / f"{layout}.{rank}.json").write_text(json.dumps({"seen": trainer.seen, "log": trainer.state.log_history}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
