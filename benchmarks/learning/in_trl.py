"""List picking once more, by TRL's GRPOTrainer: the same tiny policy, prompts and figures, the credit through the adapter."""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np
import torch
from benchmarks.learning.listing import GROUP, ITEMS, LISTS, Listing, valid
from benchmarks.learning.policy import Writer
from benchmarks.learning.train import thinned
from datasets import Dataset
from shapley_credit.adapters.trl import group_reward
from shapley_credit.methods import gapo
from shapley_credit.utility import Utility
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import nn
from transformers import (
    GenerationMixin,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    PrinterCallback,
    TrainerCallback,
)
from transformers.modeling_outputs import BaseModelOutput, CausalLMOutput
from trl import GRPOConfig, GRPOTrainer

SPECIAL = ["<pad>", "<eos>"]
NAMES = [f"list{i}" for i in range(LISTS)] + [f"item{i}" for i in range(ITEMS)] + SPECIAL


class WriterConfig(PretrainedConfig):
    model_type = "writer"
    num_hidden_layers = 1


class Body(nn.Module):
    """The policy up to its last layer."""

    def __init__(self, writer: Writer) -> None:
        super().__init__()
        self.writer = writer

    def forward(self, input_ids: torch.Tensor, **_: Any) -> BaseModelOutput:
        return BaseModelOutput(last_hidden_state=self.writer.states(input_ids))


class WriterForTRL(PreTrainedModel, GenerationMixin):
    """The policy of the other experiments behind the interface of transformers."""

    config_class = WriterConfig
    base_model_prefix = "body"

    def __init__(self, writer: Writer) -> None:
        end = len(NAMES) - 1
        super().__init__(WriterConfig(vocab_size=len(NAMES), pad_token_id=end - 1, eos_token_id=end))
        self.body = Body(writer)
        self.post_init()

    def _init_weights(self, module: Any) -> None:
        """The policy comes with its weights."""

    def get_output_embeddings(self) -> nn.Module:
        return self.body.writer.next

    def forward(self, input_ids: torch.Tensor, attention_mask: Any = None, **_: Any) -> CausalLMOutput:
        return CausalLMOutput(logits=self.body.writer(input_ids))

    def prepare_inputs_for_generation(self, input_ids: torch.Tensor, attention_mask: Any = None, **_: Any) -> dict[str, Any]:
        return {"input_ids": input_ids}


def answers_of(prompts: list[str], completion_ids: list[list[int]]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The items that a group names, -1 for what is none, and which of them are valid for its list."""
    answers = np.array([ids[0] - LISTS for ids in completion_ids])
    answers[answers >= ITEMS] = -1
    return answers, (answers >= 0) & valid()[NAMES.index(prompts[0]), answers.clip(0)]


def validity(prompts: list[str], completion_ids: list[list[int]], **_: Any) -> list[float]:
    """The reward of GRPO, answer by answer."""
    rows = zip(prompts, completion_ids, strict=True)
    return [float(answers_of([prompt], [ids])[1][0]) for prompt, ids in rows]


def variety(prompts: list[str], completion_ids: list[list[int]], **_: Any) -> Utility:
    """The utility of a group that the adapter pays out."""
    answers, good = answers_of(prompts, completion_ids)
    return gapo.diversity_utility(answers, utility="entropy", valid=good)


RULES = {"GRPO": validity, "Shapley of entropy": group_reward(variety)}


class Picker(Listing):
    """The task, with the reward function of one rule."""

    def __init__(self, rule: str, seed: int) -> None:
        super().__init__("GRPO", seed, len(SPECIAL))
        self.seed = seed
        self.reward = RULES[rule]


class Watch(TrainerCallback):
    """Reads the policy's figures before training and after every step."""

    def __init__(self, task: Picker) -> None:
        self.task = task
        self.curves: dict[str, list[float]] = {}

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        for name, value in self.task.evaluate().items():
            self.curves.setdefault(name, []).append(value)


def tokenizer() -> PreTrainedTokenizerFast:
    """A word a token."""
    vocabulary = {name: number for number, name in enumerate(NAMES)}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="<eos>")


def train(task: Picker, steps: int, rate: float) -> dict[str, Any]:
    """Train by GRPOTrainer, all lists in every step; figures as those of `train.train`."""
    watch = Watch(task)
    with tempfile.TemporaryDirectory() as folder:
        trainer = GRPOTrainer(
            model=WriterForTRL(task.policy),
            processing_class=tokenizer(),
            reward_funcs=task.reward,
            train_dataset=Dataset.from_dict({"prompt": NAMES[:LISTS]}),
            callbacks=[watch],
            args=GRPOConfig(
                output_dir=folder,
                use_cpu=True,
                bf16=False,
                seed=task.seed,
                max_steps=steps,
                learning_rate=rate,
                per_device_train_batch_size=LISTS * GROUP,
                num_generations=GROUP,
                max_completion_length=1,
                beta=0.0,
                lr_scheduler_type="constant",
                save_strategy="no",
                report_to=[],
                disable_tqdm=True,
                logging_strategy="no",
                activation_checkpointing=False,
                max_grad_norm=1e9,
            ),
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return {"curves": thinned(watch.curves), "final": task.evaluate(), "noise": None}
