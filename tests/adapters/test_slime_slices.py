"""Context parallelism of slime: the tokens of a rank, against a plain enumeration of the two chunks that it holds."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapley_credit import InputError
from shapley_credit.adapters import slime
from shapley_credit.adapters.slime_slices import response_slices

RANKS = [1, 2, 4, 8]


def enumerated(total: int, response: int, ranks: int, rank: int, padded: int | None = None) -> list[int]:
    """The response tokens of a rank: those whose logits, one position before them, lie in its first and in its last chunk.

    A sequence is padded to a multiple of 2 ranks and cut into 2 ranks chunks; rank r holds chunk r and the r-th from the end.
    """
    whole = padded or total
    while whole % (2 * ranks):
        whole += 1
    chunks = np.split(np.arange(whole), 2 * ranks)
    held = [position for chunk in (rank, 2 * ranks - 1 - rank) for position in chunks[chunk].tolist()]
    first = total - response
    return [position + 1 - first for position in held if first <= position + 1 < total]


def covered(parts: tuple[slice, slice], response: int) -> list[int]:
    return [t for part in parts for t in list(range(response))[part]]


@pytest.mark.parametrize("ranks", RANKS)
@given(total=st.integers(2, 80), data=st.data())
def test_slices_are_the_two_chunks_of_a_rank(ranks: int, total: int, data: st.DataObject) -> None:
    response = data.draw(st.integers(0, total - 1))
    padded = data.draw(st.none() | st.integers(total, total + 40))
    held = []
    for rank in range(ranks):
        parts = response_slices(total, response, ranks, rank, padded)
        assert covered(parts, response) == enumerated(total, response, ranks, rank, padded)
        assert all(0 <= part.start <= part.stop <= response for part in parts)
        held += covered(parts, response)
    assert sorted(held) == list(range(response))  # every token on one rank, and none twice


def test_by_hand() -> None:
    """Three tokens of a prompt and seven of a response on two ranks: chunks of three positions, the last one padded."""
    assert [covered(response_slices(10, 7, 2, rank), 7) for rank in (0, 1)] == [[0], [1, 2, 3, 4, 5, 6]]
    assert enumerated(10, 7, 2, 0) == [0]
    assert enumerated(10, 7, 2, 1) == [1, 2, 3, 4, 5, 6]


def megatron(monkeypatch: pytest.MonkeyPatch, rank: int) -> None:
    """The one function of Megatron that is asked."""
    core, mpu = ModuleType("megatron.core"), ModuleType("megatron.core.mpu")
    mpu.get_context_parallel_rank = lambda: rank  # type: ignore[attr-defined]
    core.mpu = mpu  # type: ignore[attr-defined]
    for name, module in (("megatron", ModuleType("megatron")), ("megatron.core", core), ("megatron.core.mpu", mpu)):
        monkeypatch.setitem(sys.modules, name, module)


TOTALS, MASKS = [10, 5, 23], [[1, 1, 0, 0, 1, 1, 1], [0], [1] * 20]
PAID = [np.array([1.0, 2.0, 3.0, 4.0, 5.0], np.float32), np.zeros(0, np.float32), np.arange(20, dtype=np.float32)]
WHOLE: list[list[float]] = [[1.0, 2.0, 0.0, 0.0, 3.0, 4.0, 5.0], [0.0], list(range(20))]


def rollout(held: list[list[int]]) -> dict[str, Any]:
    import torch

    return {
        "rewards": list(PAID),
        "loss_masks": [torch.tensor(mask, dtype=torch.int) for mask in MASKS],  # slime leaves masks whole
        "total_lengths": TOTALS,
        "response_lengths": [len(mask) for mask in MASKS],
        "max_seq_lens": [40] * 3,
        "kl": [torch.zeros(len(row)) for row in held],
    }


@pytest.mark.torch
@pytest.mark.parametrize("padded", [None, 40])
@pytest.mark.parametrize("ranks", RANKS)
def test_the_ranks_of_a_trainer_share_the_advantages(monkeypatch: pytest.MonkeyPatch, ranks: int, padded: int | None) -> None:
    args = SimpleNamespace(context_parallel_size=ranks, qkv_format="bshd" if padded else "thd")
    found: list[list[float]] = [[] for _ in MASKS]
    for rank in range(ranks):
        megatron(monkeypatch, rank)
        held = [enumerated(total, len(mask), ranks, rank, padded) for total, mask in zip(TOTALS, MASKS, strict=True)]
        data = rollout(held)
        slime.compute_advantages(args, data)
        for row, (tokens, paid, whole) in enumerate(zip(held, data["advantages"], WHOLE, strict=True)):
            assert paid.tolist() == [whole[t] for t in tokens]
            found[row] += paid.tolist()
        assert [row.tolist() for row in data["returns"]] == [row.tolist() for row in data["advantages"]]
        assert data["rewards"] == [15.0, 0.0, 190.0]
    assert [sorted(row) for row in found] == [sorted(row) for row in WHOLE]


@pytest.mark.torch
def test_a_version_that_cuts_in_another_way(monkeypatch: pytest.MonkeyPatch) -> None:
    megatron(monkeypatch, 1)
    data = rollout([[0] * 3] * 3)
    with pytest.raises(InputError, match=r"response 0 has 6 advantages and 3 log-probabilities on this rank"):
        slime.compute_advantages(SimpleNamespace(context_parallel_size=2), data)
