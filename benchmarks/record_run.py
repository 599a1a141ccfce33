"""A short run of TRL with credit for every word, recorded as rows for a page: python -m benchmarks.record_run OUT.jsonl.gz

A transformer of two layers, made on the spot, knows some thirty words and learns to name birds: a completion earns 1 for each
different bird in a sentence that ends, and loses 0.25 for each word that is no bird. A rule of `token_credit` pays every word
its Owen value, with sentences as unions. Needs the environment of `make test-frameworks`.
"""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from shapley_credit.adapters.trl import token_credit
from shapley_credit.credit import segments
from shapley_credit.credit.completions import segment_completions
from shapley_credit.methods import ospo
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM
from trl import GRPOConfig, GRPOTrainer

BIRDS = ["robin", "wren", "owl", "heron", "crane", "swift", "finch", "gull"]
OTHERS = [
    "a",
    "and",
    "flies",
    "grey",
    "lake",
    "nest",
    "over",
    "sings",
    "sky",
    "sleeps",
    "small",
    "stone",
    "the",
    "tree",
    "under",
]
ASKED = ["birds", "by", "garden", "live", "name", "night", "of", "shore", "that"]
PROMPTS = ["name birds of the garden", "name birds of the shore", "name birds of the night", "name birds that live by the lake"]
STEPS, GROUP, LENGTH = 20, 6, 12


def save_model(folder: str) -> PreTrainedTokenizerFast:
    """Write a model of words and its tokenizer, the same every time."""
    known = {word: place for place, word in enumerate(["<pad>", "<eos>", ".", *BIRDS, *OTHERS, *ASKED])}
    made = Tokenizer(models.WordLevel(known, unk_token="<eos>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.decoder = decoders.WordPiece(prefix="##")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, pad_token="<pad>", eos_token="<eos>")
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 4, "max_position_embeddings": 128}
    config = Qwen2Config(vocab_size=len(known), pad_token_id=0, eos_token_id=1, bos_token_id=None, **sizes, **heads)
    Qwen2ForCausalLM(config).save_pretrained(folder)
    return tokenizer


def score(text: str) -> float:
    """1 for each different bird in a sentence that ends, -0.25 for each word that is no bird."""
    words = [word for sentence in text.split(".")[:-1] for word in sentence.split()]
    others = [word for word in text.replace(".", " ").split() if word not in BIRDS]
    return float(len({*words} & {*BIRDS})) - 0.25 * len(others)


class Recorded:
    """A rule of `token_credit` that keeps what it has seen as rows."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.rows: list[dict[str, Any]] = []
        self.splitters = (segments.matching(r"[^.]*\.\s*|[^.]+$"), segments.matching(r"\w+\s*|\.\s*|\s+"))

    def __call__(self, prompts: Any, completion_ids: Any, masks: Any, rewards: Any, **columns: Any) -> dict[str, Any]:
        done = segment_completions(completion_ids, masks, self.tokenizer, *self.splitters)
        found = ospo.segment_credit(done.texts, score, budget=64)
        step = len(self.rows) // (GROUP * len(PROMPTS)) + 1
        for prompt, text, reward, estimate in zip(prompts, done.texts, rewards, found.estimates, strict=True):
            row = {"step": step, "prompt": prompt, "completion": text.text, "reward": reward}
            self.rows.append(row | {"segments": described(text, estimate)})
        return {
            "segment_credit": [estimate.values for estimate in found.estimates],
            "segment_lengths": done.segment_lengths,
            "segment_order": done.segment_order,
        }


def described(text: segments.SegmentedText, estimate: Any) -> list[dict[str, Any]]:
    """The words of a completion for a page."""
    everybody = [*range(len(text))]
    labels = text.tree.labels[0].tolist() if len(text.tree.labels) else everybody
    unions = {label: place + 1 for place, label in enumerate(dict.fromkeys(labels))}
    return [
        {
            "start": start,
            "end": end,
            "credit": round(float(estimate.values[member]), 4),
            "error": round(float(estimate.stderr[member]), 4),
            "union": f"sentence {unions[labels[member]]}",
            "without": score(text.render([other for other in everybody if other != member])),
        }
        for member, (start, end) in enumerate(text.spans)
    ]


def main(out: Path) -> None:
    """Train, and write the rows."""
    with tempfile.TemporaryDirectory() as folder:
        tokenizer = save_model(folder)
        rule = Recorded(tokenizer)
        settings = {"output_dir": folder, "use_cpu": True, "bf16": False, "save_strategy": "no", "report_to": []}
        sizes = {"num_generations": GROUP, "per_device_train_batch_size": GROUP * len(PROMPTS), "max_completion_length": LENGTH}
        course = {"max_steps": STEPS, "learning_rate": 8e-3, "logging_steps": 1, "shuffle_dataset": False, "disable_tqdm": True}
        config = GRPOConfig(**settings, **sizes, **course)
        questions = Dataset.from_dict({"prompt": PROMPTS})
        reward = lambda completions, **columns: [score(text) for text in completions]  # noqa: E731
        torch.manual_seed(0)
        trainer = token_credit(GRPOTrainer, rule)
        trainer(folder, reward, args=config, train_dataset=questions, processing_class=tokenizer).train()
    out.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rule.rows).encode(), mtime=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
