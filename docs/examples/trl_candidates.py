"""GRPO in which every line of a list is paid what the list would lose without it.

    pip install . trl                             # in a checkout of shapley_credit
    python trl_candidates.py                      # MODEL=.. for another model

A completion is a list of recommendations for several users. It earns the mean over users of the best line for each of them.
Shapley values would pay a line and its copy one half each; leave-one-out values pay no line for what another one gives too.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import numpy as np
import shapley_credit as sc
from datasets import Dataset
from shapley_credit import semivalues
from shapley_credit import utilities as u
from shapley_credit.adapters.trl import token_credit
from shapley_credit.credit import segments
from shapley_credit.credit.completions import segment_completions
from transformers import AutoTokenizer
from trl import GRPOConfig, GRPOTrainer

MODEL = os.environ.get("MODEL", "Qwen/Qwen3-0.6B")
OUTPUT = os.environ.get("OUTPUT", "trl_candidates")

TOPICS = ["Name four animals, one a line.", "Name four things to do on a rainy day, one a line."]
USERS = ["animals that live in the sea", "something for small children", "birds", "nothing that costs money"]

# A line with the line break behind it, so that every token is in a line.
LINES = segments.matching(r"[^\n]*\n+|[^\n]+")


def worth(line: str, user: str) -> float:
    """What a line is worth to a user. Put your own model here; this one counts the words that they share."""
    words = set(line.lower().split())
    return len(words & set(user.split())) / max(len(words), 1)


def utility(lines: list[str]) -> u.FacilityLocation:
    """The mean over users of the best line for each."""
    table = [[worth(line, user) for user in USERS] for line in lines]
    return u.FacilityLocation(table, np.full(len(USERS), 1 / len(USERS)))


def reward(completions: list[str], **columns: Any) -> list[float]:
    """What a completion earns as a whole."""
    lists = [[text[start:end] for start, end in LINES(text)] or [""] for text in completions]
    return [float(utility(lines).value(range(len(lines)))) for lines in lists]


@cache
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(MODEL)


def leave_one_out(completion_ids: list[list[int]], masks: list[list[int]], **columns: Any) -> dict[str, Any]:
    """What each completion of one prompt would lose without a line, and an even share of what these credits lack."""
    done = segment_completions(completion_ids, masks, tokenizer(), LINES)
    credit = []
    for text in done.texts:
        game = utility([line for _, line in text.pieces] or [""])
        lost = sc.set_semivalue(game, semivalues.leave_one_out)
        credit.append(lost + (sc.set_shapley(game).sum() - lost.sum()) / len(lost))
    return {"segment_credit": credit, "segment_lengths": done.tokens(done.texts)}


def main() -> None:
    config = GRPOConfig(output_dir=OUTPUT, num_generations=8, max_completion_length=64, scale_rewards="none", logging_steps=1)
    topics = Dataset.from_dict({"prompt": TOPICS})
    token_credit(GRPOTrainer, leave_one_out)(MODEL, reward, args=config, train_dataset=topics).train()


if __name__ == "__main__":
    main()
