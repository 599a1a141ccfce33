"""What credit of a large batch costs the one process that works it out: seconds and bytes, of a part and scaled to the whole.

    PYTHONPATH=. python -m benchmarks.token_scale [--responses 256] [--tokens 8192] [--group 16]

Every work grows in proportion to the responses, so that the whole is the part times a factor; docs/scale.md quotes the figures.
"""

from __future__ import annotations

import argparse
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import shapley_credit as sc
from benchmarks import measure
from benchmarks.machine import facts
from numpy.typing import NDArray
from shapley_credit import utilities as u
from shapley_credit.adapters import slime
from shapley_credit.credit.rules import rule_tokens

# 512 ranks with 16 completions each.
WHOLE = 512 * 16
SEGMENTS, TURNS = 4, 4


@dataclass
class Sample:
    """What slime's hooks read of its Sample."""

    group_index: int
    response_length: int
    reward: float
    metadata: dict[str, Any]
    loss_mask: list[int] | None = None
    remove_sample: bool = False
    status: Any = field(default_factory=lambda: SimpleNamespace(value="completed"))

    def get_reward_value(self, args: Any) -> float:
        return self.reward


def works(responses: int, tokens: int, group: int) -> dict[str, Callable[[], Any]]:
    """Each work on B responses of T tokens, four segments or turns each."""
    rng = np.random.default_rng(0)
    rewards = rng.normal(size=(responses // group, group))
    flat, mask = rewards.reshape(-1), np.ones((responses, tokens), np.bool_)
    turns = mask.copy()
    turns[:, tokens // TURNS - 1 :: tokens // TURNS] = False  # a tool's answer of one token behind each turn
    credit = (flat[:, None] * rng.dirichlet(np.ones(SEGMENTS), responses)).tolist()
    lengths = [[tokens // SEGMENTS] * SEGMENTS] * responses
    earned = (flat[:, None] * np.full(TURNS, 1 / TURNS)).tolist()
    samples = [
        Sample(row // group, tokens, reward, {"segment_credit": credit[row], "segment_lengths": lengths[row]}, [1] * tokens)
        for row, reward in enumerate(flat.tolist())
    ]
    args = SimpleNamespace(reward_key=None)
    return {
        "credit of the best of each group": lambda: sc.set_shapley(u.Max(rewards)),
        "one advantage a response, to its tokens": lambda: sc.token_advantages(flat, mask, groups=group),
        "four segments a response": lambda: rule_tokens(mask, credit, group, segment_lengths=lengths),
        "four turns a response": lambda: sc.turn_advantages(earned, turns, group),
        "slime's hook, masks as Python lists": lambda: slime.post_process_rewards(args, samples),
    }


def travelling(row: NDArray[np.float32]) -> dict[str, int]:
    """Bytes of the advantages of one response on their way, as pickle packs them."""
    buffers: list[Any] = []
    head = pickle.dumps(row, protocol=5, buffer_callback=buffers.append)
    return {
        "array": len(head) + sum(len(buffer.raw()) for buffer in buffers),
        "Python floats": len(pickle.dumps(row.tolist(), protocol=5)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("responses", 256), ("tokens", 8192), ("group", 16)):
        parser.add_argument(f"--{name}", type=int, default=default)
    sizes = parser.parse_args()
    factor = WHOLE / sizes.responses
    where = facts(["numpy", "numba"])
    print(f"{where['machine']}, load {where['load']:.1f}; {where['versions']}\n")
    print(f"{sizes.responses} responses of {sizes.tokens} tokens, groups of {sizes.group}; x {factor:g}:\n")
    print(f"| work | measured | {WHOLE:,} responses |\n|---|--:|--:|")
    for name, seconds in measure.medians(works(sizes.responses, sizes.tokens, sizes.group), rounds=5).items():
        print(f"| {name} | {measure.spelled(seconds)} | {measure.spelled(seconds * factor)} |")
    print(f"\n| advantages on their way | a response | {WHOLE:,} responses |\n|---|--:|--:|")
    for name, count in travelling(np.ones(sizes.tokens, np.float32)).items():
        print(f"| {name} | {count:,} bytes | {count * WHOLE / 1e6:,.0f} MB |")


if __name__ == "__main__":
    main()
