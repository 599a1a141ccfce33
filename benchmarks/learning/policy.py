"""A small autoregressive transformer that writes words, trained from random weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Writer(nn.Module):
    """Decoder of `layers` blocks over a vocabulary of V words; sequences of at most `length` words, the prompt included.

    barred: bool [words written, V], which words can't stand at each place behind the prompt; None for no such rule.
    """

    causal: Tensor

    def __init__(
        self, words: int, length: int, width: int = 32, layers: int = 1, heads: int = 2, barred: Tensor | None = None
    ) -> None:
        super().__init__()
        self.barred = barred
        self.word = nn.Embedding(words, width)
        self.place = nn.Embedding(length, width)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True)
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)
        self.next = nn.Linear(width, words)
        for table in (self.word, self.place):
            nn.init.normal_(table.weight, std=0.5)
        nn.init.normal_(self.next.weight, std=0.02)  # nearly uniform at first
        nn.init.zeros_(self.next.bias)
        self.register_buffer("causal", torch.triu(torch.full((length, length), -1e9), 1), persistent=False)

    def states(self, text: Tensor) -> Tensor:
        """What the policy knows after each place of a text [B, T], [B, T, width]."""
        length = text.shape[1]
        state = self.word(text) + self.place.weight[:length]
        for block in self.blocks:
            state = block(state, src_mask=self.causal[:length, :length])
        known: Tensor = self.norm(state)
        return known

    def forward(self, text: Tensor) -> Tensor:
        """Logits of the next word [B, T, V] after each place of a text [B, T]."""
        logits: Tensor = self.next(self.states(text))
        return logits

    @torch.no_grad()
    def write(self, prompts: Tensor, words: int, draws: torch.Generator) -> Tensor:
        """The prompts [B, P] followed by sampled words, [B, P + words]."""
        text = prompts
        for place in range(words):
            logits = self.next(self.states(text)[:, -1])
            if self.barred is not None:
                logits = logits.masked_fill(self.barred[place], -torch.inf)
            below = torch.softmax(logits, dim=-1).cumsum(dim=-1)
            drawn = torch.rand(len(text), 1, generator=draws, device=text.device) * below[:, -1:]
            word = torch.searchsorted(below, drawn, right=True).clamp(max=below.shape[1] - 1)
            text = torch.cat([text, word], dim=1)
        return text

    def log_chances(self, text: Tensor, words: int) -> Tensor:
        """log pi of the last `words` words of a text, [B, words]."""
        logits = self.next(self.states(text[:, :-1])[:, -words:])
        if self.barred is not None:
            logits = logits.masked_fill(self.barred[-words:], -torch.inf)
        return torch.log_softmax(logits, dim=-1).gather(-1, text[:, -words:, None])[..., 0]


def policy_loss(policy: Writer, text: Tensor, advantages: Tensor) -> Tensor:
    """The policy gradient's loss, - mean over responses of sum_t A_t log pi(word_t). advantages: [B, words]."""
    return -(advantages * policy.log_chances(text, advantages.shape[1])).sum(dim=1).mean()


def gradient(policy: Writer, text: Tensor, advantages: Tensor) -> Tensor:
    """The gradient of `policy_loss` as one vector."""
    policy.zero_grad()
    policy_loss(policy, text, advantages).backward()  # type: ignore[no-untyped-call]
    return torch.cat([p.grad.reshape(-1) for p in policy.parameters() if p.grad is not None])
