"""GRPO in which every sentence of a completion is paid its Owen value, paragraphs being unions of sentences.

    pip install . trl                             # in a checkout of shapley_credit
    python trl_owen_sentences.py                  # MODEL=.. for another model

White space belongs to the sentence before it. As a member of its own it would be paid for keeping two words apart.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from datasets import Dataset
from shapley_credit.adapters.trl import token_credit
from shapley_credit.credit import segments
from shapley_credit.credit.completions import segment_completions
from shapley_credit.methods import ospo
from transformers import AutoTokenizer
from trl import GRPOConfig, GRPOTrainer

MODEL = os.environ.get("MODEL", "Qwen/Qwen3-0.6B")
OUTPUT = os.environ.get("OUTPUT", "trl_owen_sentences")

QUESTIONS = ["Name three birds and say where they live.", "Why is the sky blue?"]

# Up to the end of a sentence or of a line, with the white space behind it, so that nothing is left between two sentences.
# segments.sentences("en"), of the extra `text`, knows abbreviations.
SENTENCES = segments.matching(r"[^.!?\n]*[.!?\n]+\s*|[^.!?\n]+")

# How often a completion may be scored: exact where its sentences need no more, else an estimate.
BUDGET = 128


def score(text: str) -> float:
    """Your reward model. Here: how many different words there are."""
    return float(len(set(text.lower().split())))


def reward(completions: list[str], **columns: Any) -> list[float]:
    """What a completion earns, which the credits of its sentences share."""
    return [score(text) for text in completions]


@cache
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(MODEL)


def owen(completion_ids: list[list[int]], masks: list[list[int]], **columns: Any) -> dict[str, Any]:
    """The credit of every sentence of the completions of one prompt, and the tokens of each."""
    done = segment_completions(completion_ids, masks, tokenizer(), segments.paragraphs, SENTENCES)
    found = ospo.segment_credit(done.texts, score, budget=BUDGET)
    return {
        "segment_credit": [estimate.values for estimate in found.estimates],
        "segment_lengths": done.tokens(done.texts),
    }


def main() -> None:
    config = GRPOConfig(output_dir=OUTPUT, num_generations=8, max_completion_length=256, logging_steps=1)
    questions = Dataset.from_dict({"prompt": QUESTIONS})
    token_credit(GRPOTrainer, owen)(MODEL, reward, args=config, train_dataset=questions).train()


if __name__ == "__main__":
    main()
