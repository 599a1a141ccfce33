"""GRPO for an agent that calls a tool: every turn is paid for what it leads to.

    pip install . trl                             # in a checkout of shapley_credit
    python trl_turns.py                           # MODEL=.. for another model that can call tools

A turn is what the model writes between two answers of the tool. Each call costs a little, and the last turn earns the outcome.
"""

from __future__ import annotations

import os
from itertools import pairwise
from typing import Any

from datasets import Dataset
from shapley_credit.adapters.trl import turn_credit
from trl import GRPOConfig, GRPOTrainer

MODEL = os.environ.get("MODEL", "Qwen/Qwen3-0.6B")
OUTPUT = os.environ.get("OUTPUT", "trl_turns")

QUESTIONS = [("What is 17 * 23?", "391"), ("What is 96 * 11?", "1056"), ("What is 12 * 12?", "144")]

# What a call of the tool costs.
COST = 0.05


def multiply(a: int, b: int) -> int:
    """Multiply two numbers.

    Args:
        a: The first number.
        b: The second number.

    Returns:
        Their product.
    """
    return a * b


def right(completions: list[Any], answer: list[str], **columns: Any) -> list[float]:
    """The outcome: whether the last message holds the right answer."""
    return [float(wanted in messages[-1]["content"]) for messages, wanted in zip(completions, answer, strict=True)]


def turn_rewards(masks: list[list[int]], rewards: list[float], **columns: Any) -> list[list[float]]:
    """The rewards of the turns of the completions to one prompt. `masks` are 0 where the tool has answered."""
    turns = [1 + sum(after > before for before, after in pairwise(mask)) for mask in masks]
    return [[-COST] * (count - 1) + [outcome] for count, outcome in zip(turns, rewards, strict=True)]


def main() -> None:
    config = GRPOConfig(
        output_dir=OUTPUT,
        num_generations=8,
        max_completion_length=512,
        scale_rewards="none",  # turn_credit has a scale= of its own
        logging_steps=1,
    )
    prompts = [[{"role": "user", "content": question}] for question, _ in QUESTIONS]
    questions = Dataset.from_dict({"prompt": prompts, "answer": [answer for _, answer in QUESTIONS]})
    trainer = turn_credit(GRPOTrainer, turn_rewards, baseline="leave_one_out")
    trainer(MODEL, right, args=config, train_dataset=questions, tools=[multiply]).train()


if __name__ == "__main__":
    main()
