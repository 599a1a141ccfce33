"""slime's Sample, with the fields of version 0.3.1 that hooks read, and its arguments."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from types import SimpleNamespace
from typing import Any

import numpy as np


class Status(Enum):
    COMPLETED = "completed"
    TRUNCATED = "truncated"
    ABORTED = "aborted"


@dataclass
class Sample:
    group_index: int | None = None
    response_length: int = 0
    reward: Any = None
    loss_mask: Any = None
    metadata: dict[str, Any] = field(default_factory=dict)
    remove_sample: bool = False
    rollout_id: int | None = None
    status: Status = Status.COMPLETED
    response: str = ""

    def get_reward_value(self, args: Any) -> Any:
        return self.reward if not args.reward_key else self.reward[args.reward_key]


ARGS = SimpleNamespace(reward_key=None, context_parallel_size=1)


def told(**options: Any) -> Any:
    """slime's arguments after `--custom-config-path`, whose keys slime sets on them."""
    return SimpleNamespace(**vars(ARGS), shapley_credit=options)


def lists(found: Any) -> Any:
    raw, rows = found
    assert all(row.dtype == np.float32 and row.ndim == 1 for row in rows)
    return raw, [row.tolist() for row in rows]
