"""Short runs of TRL's trainers on a tiny model, and what they paid."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer

from tiny_models import dataset, settings


def variety(text: str) -> float:
    """A reward that binary fractions hold exactly: how many different characters there are."""
    return float(len(set(text)))


def count(completions: Sequence[str], **_: Any) -> list[float]:
    return [variety(text) for text in completions]


LETTERS = range(40, 60)


def rollouts(prompts: Sequence[str], trainer: Any) -> dict[str, Any]:
    """Rollouts of one to three turns of two tokens, an answer of a tool between them, one token; one in four never ends."""
    ids, masks, earned = [], [], []
    for place, _ in enumerate(prompts):
        turns = 1 + place % 3
        masks.append([1, 1] + [0, 1, 1] * (turns - 1))
        ids.append([LETTERS[(7 * place + token * token) % 20] for token in range(3 * turns - 1)])
        earned.append([float((place + 2 * turn) % 5) for turn in range(turns)])
        if place % 4:
            ids[-1][-1] = trainer.processing_class.eos_token_id
    asked = [trainer.processing_class(prompt)["input_ids"] for prompt in prompts]
    blank = [[0.0] * len(row) for row in ids]
    return {"prompt_ids": asked, "completion_ids": ids, "logprobs": blank, "env_mask": masks, "earned": earned}


class Watched(GRPOTrainer):  # type: ignore[misc]
    """A trainer whose first completion token is said to come from a tool, and that remembers what its loss gets."""

    batches: list[dict[str, torch.Tensor]]

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        out = super()._generate_and_score_completions(inputs)
        out["tool_mask"] = torch.ones_like(out["completion_mask"])
        out["tool_mask"][:, 0] = 0
        return out

    def _compute_loss(self, model: Any, inputs: Any) -> Any:
        self.batches = [*getattr(self, "batches", []), inputs]
        return super()._compute_loss(model, inputs)


def recorded(base: Any) -> Any:
    """The trainer, which also remembers every batch that it generated, before TRL shuffles its rows, and TRL's advantages."""

    class Recorded(base):  # type: ignore[misc]
        def _calculate_rewards(self, inputs: Any, prompts: Any, completions: Any, completion_ids_list: Any) -> Any:
            scores = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
            self.scored = scores.clone(), completions
            return scores

        def _generate_and_score_completions(self, inputs: Any) -> Any:
            out = super()._generate_and_score_completions(inputs)
            scores, completions = self.scored
            more = {"scores": scores, "completions": completions, "training": self.model.training}
            more |= {"trl": torch.tensor(list(self._logs["advantages"])[-len(scores) :])}
            self.generated = [*getattr(self, "generated", []), {**out, **more}]
            return out

    return Recorded


def config_of(trainer_class: Any, folder: Path, **given: Any) -> Any:
    if issubclass(trainer_class, RLOOTrainer):
        # The default beta wants the reference model by its public name.
        return RLOOConfig(**settings(folder, **{"beta": 0.0, **given}))
    return GRPOConfig(**settings(folder, **given))


def train(trainer_class: Any, model: str, folder: Path, rewards: Any, *, data: Dataset | None = None, **given: Any) -> Any:
    """A trainer that has trained. data: instead of six short prompts. evaluated: how many of them are evaluated."""
    data = dataset() if data is None else data
    more = {name: given.pop(name) for name in ("rollout_func",) if name in given}
    if "eval_strategy" in given:
        more["eval_dataset"] = data.select(range(given.pop("evaluated", 2)))
    torch.manual_seed(0)
    args = config_of(trainer_class, folder, **given)
    trainer = trainer_class(model=model, reward_funcs=rewards, args=args, train_dataset=data, **more)
    trainer.train()
    return trainer


def logged(trainer: Any, name: str) -> list[float]:
    return [entry[name] for entry in trainer.state.log_history if name in entry]
