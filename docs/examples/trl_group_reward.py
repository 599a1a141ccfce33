"""GRPO on a set reward: the answers to a question earn together what their best one is worth, and a little for variety.

    pip install . trl                             # in a checkout of shapley_credit
    python trl_group_reward.py                    # MODEL=.. for another model

Each answer is paid its Shapley value in that reward, so that what the answers to a question are paid adds up to it.
"""

from __future__ import annotations

import os
import re
from typing import Any

from datasets import Dataset
from shapley_credit import utilities as u
from shapley_credit.adapters.trl import group_reward
from trl import GRPOConfig, GRPOTrainer

MODEL = os.environ.get("MODEL", "Qwen/Qwen3-0.6B")
OUTPUT = os.environ.get("OUTPUT", "trl_group_reward")

QUESTIONS = [
    {"prompt": "How many minutes are 3 hours? Answer:", "answer": 180},
    {"prompt": "What is 17 + 26? Answer:", "answer": 43},
    {"prompt": "What is 12 times 12? Answer:", "answer": 144},
    {"prompt": "Half of 90 is", "answer": 45},
]


def last_number(text: str) -> int | None:
    """The answer that a completion gives, None where there is no number."""
    found = re.findall(r"[0-9]+", text)
    return int(found[-1][:18]) if found else None


def score(text: str, answer: int) -> float:
    """1 for the right answer, 0.1 for a wrong one, 0 for none."""
    number = last_number(text)
    return 1.0 if number == answer else 0.0 if number is None else 0.1


def best_and_variety(completions: list[str], answer: list[int], **columns: Any) -> Any:
    """The utility of the completions of one question, wherever they were generated. It may be `async def`."""
    scores = [score(text, right) for text, right in zip(completions, answer, strict=True)]
    # A completion without a number, None, adds nothing to the variety.
    return u.Max(scores) + 0.05 * u.DistinctCount([last_number(text) for text in completions])


def main() -> None:
    config = GRPOConfig(
        output_dir=OUTPUT,
        num_generations=8,
        max_completion_length=64,
        scale_rewards="none",  # a division by the deviation of the group would undo the adding up
        logging_steps=1,
    )
    trainer = GRPOTrainer(MODEL, group_reward(best_and_variety), args=config, train_dataset=Dataset.from_list(QUESTIONS))
    trainer.train()


if __name__ == "__main__":
    main()
