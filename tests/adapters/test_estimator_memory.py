"""An estimator holds its result and blocks of rows: no copy of all tokens, in float64 or otherwise."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from shapley_credit.adapters import token_batch
from shapley_credit.adapters.registered import ESTIMATORS

ROWS, TOKENS, LENGTH = 128, 8192, 1024
BLOCK = 2 * TOKENS


def batch(*, steps: bool, turns: bool) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    mask, rewards = np.ones((ROWS, TOKENS), np.int64), np.zeros((ROWS, TOKENS), np.float32)
    rewards[:, -1] = rng.standard_normal(ROWS)
    if steps:
        rewards[:, LENGTH - 1 :: LENGTH] = rng.standard_normal((ROWS, TOKENS // LENGTH))
    if turns:
        mask[:, ::LENGTH] = 0
    return {"token_level_rewards": rewards, "response_mask": mask, "index": np.repeat(np.arange(ROWS // 8), 8).tolist()}


COLUMNS: dict[str, dict[str, Any]] = {
    "gapo": {"answer": np.array(["x", "y", "z", "z"] * (ROWS // 4), object)},
    "ospo": {
        "segment_credit": list(np.random.default_rng(1).standard_normal((ROWS, TOKENS // LENGTH))),
        "segment_lengths": [[LENGTH] * (TOKENS // LENGTH)] * ROWS,
    },
}
PIECES = TOKENS // LENGTH
COLUMNS["shape_grpo"] = {
    "candidate_rewards": list(np.random.default_rng(2).random((ROWS, PIECES))),
    "segment_candidate": [[-1, *range(1, PIECES)]] * ROWS,
    "segment_lengths": [[LENGTH] * PIECES] * ROWS,
}
CASES = [
    ("shapley", False, {}),
    ("maxrl", False, {}),
    ("gapo", False, COLUMNS["gapo"]),
    ("ospo", False, COLUMNS["ospo"]),
    ("shape_grpo", False, COLUMNS["shape_grpo"]),
    ("shape_grpo_to_go", False, COLUMNS["shape_grpo"]),
    ("ospo_to_go", True, {}),
    ("ospo", True, {}),
    ("turns", True, {}),
]
IDS = [
    "shapley",
    "maxrl",
    "gapo",
    "ospo by columns",
    "shape_grpo",
    "shape_grpo to go",
    "ospo to go",
    "ospo by rewards",
    "turns",
]


@pytest.mark.parametrize(("name", "steps", "columns"), CASES, ids=IDS)
def test_an_estimator_holds_its_result_and_little_beside(
    name: str, steps: bool, columns: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = batch(steps=steps, turns=name == "turns")
    monkeypatch.setattr(token_batch, "BLOCK", ROWS * TOKENS)
    at_once, _ = ESTIMATORS[name](**given, non_tensor_batch=columns)  # compiles
    monkeypatch.setattr(token_batch, "BLOCK", BLOCK)
    tracemalloc.start()
    result, _ = ESTIMATORS[name](**given, non_tensor_batch=columns)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Flags of all tokens alone would be a quarter of the result.
    assert peak < 1.2 * result.nbytes
    assert np.array_equal(result, at_once)


@pytest.mark.torch
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_tensors_are_read_in_blocks_too(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    class Largest(TorchDispatchMode):  # type: ignore[no-untyped-call]
        """The most bytes that any operation of torch has made; views have those of what they show."""

        made = 0

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            out = func(*args, **(kwargs or {}))
            if isinstance(out, torch.Tensor) and not func.is_view:
                self.made = max(self.made, out.numel() * out.element_size())
            return out

    monkeypatch.setattr(token_batch, "BLOCK", BLOCK)
    given = batch(steps=True, turns=True)
    tensors = {**given, "token_level_rewards": torch.tensor(given["token_level_rewards"]).to(getattr(torch, dtype))}
    tensors["response_mask"] = torch.tensor(given["response_mask"])
    for name in ("shapley", "ospo", "turns"):
        with Largest() as seen:  # type: ignore[no-untyped-call]
            result, _ = ESTIMATORS[name](**tensors)
        assert isinstance(result, torch.Tensor)
        assert 0 < seen.made <= 8 * BLOCK
