"""slime: every sentence of a response is paid its Owen value, paragraphs being unions of sentences.

    pip install .                                 # a checkout of shapley_credit, in slime's image
    export PYTHONPATH=$PWD:$PYTHONPATH            # the folder of this file
    python train.py --custom-rm-path slime_owen_sentences.reward \
        --custom-reward-post-process-path shapley_credit.adapters.slime.post_process_rewards \
        --custom-advantage-function-path shapley_credit.adapters.slime.compute_advantages \
        --n-samples-per-prompt 8 ..

The reward function scores a response with and without its sentences. The hooks pay each sentence its credit.
"""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any

from shapley_credit.credit import segments
from shapley_credit.credit.completions import segment_completions
from shapley_credit.methods import ospo
from transformers import AutoTokenizer

# Up to the end of a sentence or of a line, with the white space behind it, so that nothing is left between two sentences.
SENTENCES = segments.matching(r"[^.!?\n]*[.!?\n]+\s*|[^.!?\n]+")

# How often a response may be scored: exact where its sentences need no more, else an estimate.
BUDGET = 128


def score(text: str) -> float:
    """Your reward model. Here: how many different words there are."""
    return float(len(set(text.lower().split())))


@cache
def tokenizer(path: str) -> Any:
    return AutoTokenizer.from_pretrained(path)


async def reward(args: Any, sample: Any, **_: Any) -> float:
    """What a response earns; the credits of its sentences, and their numbers of tokens, go to the metadata."""
    response = sample.tokens[len(sample.tokens) - sample.response_length :]
    mask = sample.loss_mask or [1] * len(response)
    done = segment_completions([response], [mask], tokenizer(args.hf_checkpoint), segments.paragraphs, SENTENCES)
    found = await asyncio.to_thread(ospo.segment_credit, done.texts, score, budget=BUDGET)
    sample.metadata["segment_credit"] = found.estimates[0].values.tolist()
    sample.metadata["segment_lengths"] = done.tokens(done.texts)[0].tolist()
    return float(found.rewards[0])
