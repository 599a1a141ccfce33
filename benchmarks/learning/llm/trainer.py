"""Recommendation once more, by TRL's GRPOTrainer: python -m benchmarks.learning.llm.trainer.

The same model, prompts and worth, the credit through the adapters. There are two ways to be paid: responses as members of
their group, by `group_reward`, and candidates as members of their response, by `token_credit`, whose advantages are held to
those of the experiment.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from benchmarks.learning.llm import paying, recommend, rules, topics
from benchmarks.learning.llm.chat import read
from benchmarks.learning.llm.samples import Samples
from benchmarks.learning.llm.weights import load
from benchmarks.learning.retrievers import embed
from benchmarks.learning.words import Array
from datasets import Dataset
from shapley_credit import utilities as u
from shapley_credit.adapters.trl import group_reward, token_credit
from transformers import PrinterCallback
from trl import GRPOConfig, GRPOTrainer

GROUP, STEPS, RATE = 8, 2, 1e-3


class Reader:
    """Groups of the experiment from the tokens that TRL hands out."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer

    def samples(self, rows: Sequence[Sequence[int]]) -> Samples:
        lengths, end = np.array([len(row) for row in rows]), self.tokenizer.eos_token_id
        ids = torch.full((len(rows), int(lengths.max())), end)
        for padded, row in zip(ids, rows, strict=True):
            padded[: len(row)] = torch.as_tensor(row)
        return read(self.tokenizer, ids, lengths, np.array([row[-1] == end for row in rows]))

    def group(self, topic: str, rows: Sequence[Sequence[int]]) -> rules.Group:
        found: rules.Group = recommend.score(embed, topic, self.samples(rows)).group
        return found

    def rewards(self, completion_ids: list[list[int]], topic: list[str], **_: Any) -> list[float]:
        """The reward of each response by itself."""
        pairs = zip(topic, completion_ids, strict=True)
        return [float(self.group(name, [row]).rewards[0]) for name, row in pairs]

    def together(self, completion_ids: list[list[int]], topic: list[str], **_: Any) -> u.FacilityLocation:
        """What a group of responses is worth: the mean over users of the best candidate of any valid response."""
        found = self.group(topic[0], completion_ids)
        worth = np.where(found.valid[:, None], found.worth.max(axis=1), 0.0)
        return u.FacilityLocation(worth, np.full(worth.shape[1], 1 / worth.shape[1]))

    def candidates(self, completion_ids: list[list[int]], topic: list[str], **_: Any) -> dict[str, Any]:
        """Shapley credits of the candidates of each response; one that is not valid is one segment without worth."""
        found = self.group(topic[0], completion_ids)
        credits, lengths, order = [], [], []
        for credit, owner, valid in zip(rules.shapley(found), found.owners, found.valid, strict=True):
            row = owner if valid else np.zeros_like(owner)
            starts = np.flatnonzero(np.diff(row, prepend=-2))
            credits.append(credit if valid else np.zeros(1))
            lengths.append(np.diff(starts, append=len(row)))
            order.append(row[starts])
        return {"segment_credit": credits, "segment_lengths": lengths, "segment_order": order}


class Ran(NamedTuple):
    """A run of the trainer: mean rewards by step, how far the weights went, and the batches that it generated."""

    rewards: list[float]
    moved: float
    batches: list[dict[str, Any]]
    reader: Reader


def ran(paid: Callable[[Reader], tuple[Any, Any]]) -> Ran:
    """Two steps on two topics. paid: from a reader to the trainer's class and its reward function."""
    tokenizer, model = load(0)
    reader, weights = Reader(tokenizer), {name: each for name, each in model.named_parameters() if each.requires_grad}
    before = {name: each.detach().clone() for name, each in weights.items()}
    kind, reward = paid(reader)
    data = [{"prompt": topics.messages(topic), "topic": topic} for topic in list(topics.TRAINED)[:STEPS]]
    with tempfile.TemporaryDirectory() as folder:
        given = {
            "output_dir": folder,
            "use_cpu": True,
            "bf16": False,
            "seed": 0,
            "max_steps": STEPS,
            "learning_rate": RATE,
            "per_device_train_batch_size": GROUP,
            "num_generations": GROUP,
            "max_completion_length": recommend.MOST,
            "scale_rewards": "none",
            "gradient_checkpointing": False,
            "logging_steps": 1,
            "save_strategy": "no",
            "report_to": [],
            "disable_tqdm": True,
        }
        trainer = kind(
            model=model,
            processing_class=tokenizer,
            reward_funcs=reward,
            train_dataset=Dataset.from_list(data),
            args=GRPOConfig(**given),
        )
        trainer.remove_callback(PrinterCallback)
        batches = watched(trainer)
        trainer.train()
        rewards = [entry["reward"] for entry in trainer.state.log_history if "reward" in entry]
    moved = max(float((each.detach() - before[name]).abs().max()) for name, each in weights.items())
    return Ran(rewards, moved, batches, reader)


def watched(trainer: Any) -> list[dict[str, Any]]:
    """Every batch that the trainer will generate, with the topic of each row."""
    kept: list[dict[str, Any]] = []
    generate = trainer._generate_and_score_completions

    def generated(inputs: Any) -> Any:
        out = generate(inputs)
        kept.append({**out, "topic": inputs[0]["topic"]})
        return out

    trainer._generate_and_score_completions = generated
    return kept


def difference(batch: dict[str, Any], reader: Reader) -> tuple[float, float]:
    """How far the trainer's advantages are from the experiment's at most, and how large those are.

    The experiment multiplies what candidates get by their number: one of average worth gets what the whole response does.
    """
    masks = batch["completion_mask"].bool()
    rows = [row[mask].tolist() for row, mask in zip(batch["completion_ids"], masks, strict=True)]
    group = reader.group(batch["topic"], rows)
    times = group.counts[group.valid].mean() if group.valid.any() else 1.0
    apart, size = 0.0, 0.0
    given = zip(paying.advantages(rules.RULES["Shapley"], group), group.owners, group.valid, strict=True)
    for (ours, owner, valid), row, mask in zip(given, batch["advantages"], masks, strict=True):
        wanted: Array = np.where((owner >= 0) & valid, ours / times, ours)
        apart = max(apart, float(np.abs(row[mask].numpy() - wanted).max()))
        size = max(size, float(np.abs(wanted).max()))
    return apart, size


def by_group(reader: Reader) -> tuple[Any, Any]:
    return GRPOTrainer, group_reward(reader.together)


def by_candidate(reader: Reader) -> tuple[Any, Any]:
    return token_credit(GRPOTrainer, reader.candidates), reader.rewards


def main() -> None:
    """Two steps of each; the weights must move, and advantages of tokens must be those of the experiment."""
    torch.set_num_threads(1)
    for paid in (by_group, by_candidate):
        found = ran(paid)
        print(f"{paid.__name__}: rewards {found.rewards}, weights moved by up to {found.moved:.1e}", flush=True)
        if not found.moved > 0:
            sys.exit("the weights did not move")
        for batch in found.batches if paid is by_candidate else []:
            apart, size = difference(batch, found.reader)
            print(f"{batch['topic']}: advantages of up to {size:.3f} differ by {apart:.1e}", flush=True)
            if not apart <= 1e-5 < size:
                sys.exit("the advantages of the trainer are not those of the experiment")


if __name__ == "__main__":
    main()
