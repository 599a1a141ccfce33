"""The policy: samples of a language model, and what it thinks of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from benchmarks.learning.llm.runs import Place
from benchmarks.learning.llm.samples import Samples, places
from benchmarks.learning.llm.weights import load
from benchmarks.learning.words import Array
from torch import Tensor
from transformers import DynamicCache


def read(tokenizer: Any, ids: Tensor, lengths: Array, ended: Array) -> Samples:
    """What was written, from its tokens [B, T]."""
    texts, ends = [], []
    for row, length, over in zip(ids.tolist(), lengths.tolist(), ended.tolist(), strict=True):
        shown = [tokenizer.decode(row[: i + 1], clean_up_tokenization_spaces=False) for i in range(length - over)]
        texts.append(shown[-1] if shown else "")
        ends.append(places(shown, over))
    return Samples(ids, lengths, ended, texts, ends)


class Chat:
    """The language model with LoRA matrices drawn by seed. The prompt of a group goes through it once."""

    def __init__(self, seed: int, place: Place) -> None:
        self.device = place.device
        self.tokenizer, self.model = load(seed, place)
        self.end = int(self.tokenizer.eos_token_id)

    def trained(self) -> dict[str, torch.nn.Parameter]:
        return {name: each for name, each in self.model.named_parameters() if each.requires_grad}

    def prompt(self, messages: list[dict[str, str]]) -> Tensor:
        """int64 [1, P]; the template has written the special tokens, so that the tokenizer must add none."""
        text = self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        ids: Tensor = self.tokenizer(text, add_special_tokens=False, return_tensors="pt").input_ids
        return ids.to(self.device)

    def _opened(self, prompt: Tensor, group: int) -> tuple[Any, Tensor]:
        """The cache of the prompt, repeated for the group, and the logits of the first token [group, 1, V]."""
        cache = DynamicCache(config=self.model.config)
        first = self.model(prompt, past_key_values=cache, logits_to_keep=1).logits
        cache.batch_repeat_interleave(group)
        return cache, first.expand(group, -1, -1)

    @torch.no_grad()
    def sample(self, prompt: Tensor, group: int, most: int, draws: torch.Generator) -> Samples:
        """Responses of at most `most` tokens, at temperature 1. Rows that have ended leave the batch."""
        cache, logits = self._opened(prompt, group)
        ids, alive = torch.full((group, most), self.end, device=self.device), torch.arange(group, device=self.device)
        lengths, ended = np.full(group, most), np.zeros(group, np.bool_)
        for place in range(most):
            token = torch.multinomial(torch.softmax(logits[:, -1], dim=-1), 1, generator=draws)
            ids[alive, place] = token[:, 0]
            over = token[:, 0] == self.end
            done = alive[over].cpu().numpy()
            lengths[done], ended[done] = place + 1, True
            if over.all() or place == most - 1:
                break
            if over.any():
                cache.batch_select_indices(torch.nonzero(~over)[:, 0])
                alive, token = alive[~over], token[~over]
            logits = self.model(token, past_key_values=cache).logits
        return read(self.tokenizer, ids[:, : lengths.max()], lengths, ended)

    def log_chances(self, prompt: Tensor, samples: Samples) -> Tensor:
        """log pi of every token, float32 [B, T], with gradients through prompt and response; padding means nothing."""
        cache, first = self._opened(prompt, len(samples.ids))
        later = self.model(samples.ids[:, :-1], past_key_values=cache).logits
        logits = torch.cat([first, later], dim=1)
        return torch.log_softmax(logits, dim=-1).gather(-1, samples.ids[..., None])[..., 0]
