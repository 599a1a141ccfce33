"""The tokens of a trainer's batch, read and written a block of rows at a time, so that no copy of all of them exists."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from shapley_credit.adapters.members import Members
from shapley_credit.adapters.rewards import UNTRAINED
from shapley_credit.convert import Array, from_numpy, to_host, to_numpy
from shapley_credit.credit.layouts import read_layout
from shapley_credit.errors import InputError
from shapley_credit.inputs.fields import refuse_none
from shapley_credit.inputs.tensors import library_of, with_values

# A block has this many tokens, or one member: a few megabytes in float64.
BLOCK = 1 << 18

# From the slice of members, flags of their tokens, and cu_seqlens if members have several rows, to advantages of the tokens.
Write = Callable[[slice, Any, Any], Any]


@dataclass(frozen=True)
class TokenBatch:
    """Rewards and mask [B, T] as the trainer holds them: arrays, or tensors of any dtype on any device."""

    rewards: Any
    mask: Any

    @classmethod
    def read(cls, token_level_rewards: Any, response_mask: Any) -> TokenBatch:
        """InputError for what is no matrix of numbers, or two matrices of different shapes."""
        batch = cls(_matrix(token_level_rewards, "token_level_rewards"), _matrix(response_mask, "response_mask"))
        shapes = tuple(batch.rewards.shape), tuple(batch.mask.shape)
        if len(shapes[0]) != 2 or shapes[0] != shapes[1]:
            raise InputError(
                f"token_level_rewards and response_mask must be [B, T], of one shape; got {shapes[0]} and {shapes[1]}."
            )
        return batch

    def trained(self, rows: Any) -> Any:
        """Flags of the trainable tokens of some rows: the mask but for UNTRAINED, NumPy, or torch on an accelerator."""
        flags, rewards = read_layout(self.mask[rows]).mask, self.rewards[rows]
        if "float16" in str(rewards.dtype).replace("bfloat16", "b16"):  # in float16 the mark would be 0
            return flags
        known = rewards != UNTRAINED
        return flags & (known.to(flags.device) if library_of(flags) is not np else to_host(known, "token_level_rewards"))

    def scan(self) -> Iterator[tuple[slice, Array, Array]]:
        """Blocks of rows: where they are, float64 rewards with 0 for UNTRAINED, flags of trainable tokens, both on the host.

        Raises InputError that names the first row with trainable tokens and a reward that is NaN or infinite.
        """
        step = max(1, BLOCK // max(1, self.mask.shape[1]))
        for low in range(0, len(self.mask), step):
            rows = slice(low, min(low + step, len(self.mask)))
            rewards = to_host(self.rewards[rows], "token_level_rewards").astype(np.float64)
            flags = to_host(self.trained(rows), "response_mask")
            rewards[rewards == UNTRAINED] = 0.0
            wrong = flags.any(1) & ~np.isfinite(rewards).all(1)
            if wrong.any():
                raise InputError(
                    f"row {low + int(wrong.argmax())} of token_level_rewards holds NaN or an infinite number; a response that "
                    "must not count takes a response_mask of 0."
                )
            yield rows, rewards, flags

    def trained_tokens(self) -> Array:
        """Trainable tokens of each row, int [B]."""
        return np.concatenate([flags.sum(1) for _, _, flags in self.scan()])

    def spread(self, members: Members, write: Write) -> Any:
        """Float32 [B, T] in the library and on the device of the mask, written a block of members at a time."""
        xp, width = library_of(self.mask), self.mask.shape[1]
        out = xp.zeros(self.mask.shape, dtype=xp.float32, device=self.mask.device if xp is not np else None)
        ends = np.cumsum(members.sizes)
        low = 0
        while low < len(ends):
            start = int(ends[low] - members.sizes[low])
            high = max(low + 1, int(np.searchsorted(ends, start + BLOCK // max(1, width), side="right")))
            stop = int(ends[high - 1])
            if members.are_rows:
                out[low:high] = write(slice(low, high), self.trained(slice(low, high)), None)
            else:
                rows = members.rows[start:stop]
                bounds = np.concatenate([[0], ends[low:high] - start]) * width
                out[rows] = write(slice(low, high), self.trained(rows).reshape(-1), bounds).reshape(len(rows), width)
            low = high
        return from_numpy(out, to_numpy(self.mask[:0], "response_mask")[1]) if xp is np else out


def _matrix(data: Any, name: str) -> Any:
    """A tensor of torch as it is, NaN and all; a view of anything else."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(data, torch.Tensor):
        if data.is_complex():
            raise InputError(f"{name} must hold real numbers, one for every token; got a tensor of {data.dtype}.")
        return with_values(data, name).detach()
    array = to_numpy(data, name)[0]
    refuse_none(array, name, "Have a number for every token")
    if array.dtype.kind not in "biufO":
        raise InputError(f"{name} must hold real numbers, one for every token; got an array of {array.dtype}.")
    return array
