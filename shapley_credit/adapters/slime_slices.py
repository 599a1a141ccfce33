"""The tokens of a response that a rank holds under slime's context parallelism."""

from __future__ import annotations

from typing import Any

from shapley_credit.errors import InputError


def response_slices(total: int, response: int, ranks: int, rank: int, padded: int | None = None) -> tuple[slice, slice]:
    """The two runs of response tokens whose predictions rank `rank` of `ranks` computes.

        chunk c holds the positions [c l, (c + 1) l) of the sequence,      l = ceil(total / (2 ranks)),      c < 2 ranks
        rank r holds the chunks r and 2 ranks - 1 - r,      so that all ranks share the work of causal attention evenly

    Response token t is predicted at position total - response - 1 + t, the token before it.
    total, response: tokens of the whole sequence and of the response at its end. padded: what `total` is padded to before it
        is cut, for sequences in rows of one length (`qkv_format="bshd"`); None for packed ones.

    >>> from shapley_credit.adapters.slime_slices import response_slices
    >>> [response_slices(total=8, response=5, ranks=2, rank=rank) for rank in (0, 1)]
    [(slice(0, 0, None), slice(4, 5, None)), (slice(0, 2, None), slice(2, 4, None))]
    """
    length, before = -(-(padded or total) // (2 * ranks)), total - response - 1
    first, second = (
        (min(max(chunk * length - before, 0), response), min(max((chunk + 1) * length - before, 0), response))
        for chunk in (rank, 2 * ranks - 1 - rank)
    )
    return slice(*first), slice(*second)


def own_part(args: Any, rollout_data: dict[str, Any], rows: list[Any]) -> list[Any]:
    """Of tensors [response] the tokens that this rank holds, as slime cuts log-probabilities.

    Raises InputError where slime holds another number of log-probabilities: then it cuts in another way.
    """
    ranks = getattr(args, "context_parallel_size", 1)
    if ranks > 1:
        import torch
        from megatron.core import mpu  # type: ignore[import-not-found, unused-ignore]

        rank = mpu.get_context_parallel_rank()
        packed = getattr(args, "qkv_format", "thd") == "thd"
        padded = [None] * len(rows) if packed else rollout_data["max_seq_lens"]
        sizes = zip(rollout_data["total_lengths"], rollout_data["response_lengths"], padded, strict=True)
        parts = [response_slices(total, response, ranks, rank, full) for total, response, full in sizes]
        rows = [torch.cat([row[first], row[second]]) for row, (first, second) in zip(rows, parts, strict=True)]
    for row, (found, held) in enumerate(zip(rows, rollout_data.get("kl", rows), strict=True)):
        if len(found) != len(held):
            raise InputError(
                f"response {row} has {len(found)} advantages and {len(held)} log-probabilities on this rank: this version of "
                "slime cuts sequences in a way that is not known here. Train with context_parallel_size = 1."
            )
    return rows
