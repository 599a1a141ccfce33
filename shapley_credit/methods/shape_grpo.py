"""ShapE-GRPO: the candidates inside one response credited for the best of them (Ai et al. 2026, 2603.29871).

The members are the candidates of one response, the utility is the best reward among them. The tokens of a candidate get its
credit, the tokens of no candidate (numbering, introductions) keep the reward of the set.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from shapley_credit.convert import Array, from_numpy, to_numpy
from shapley_credit.credit.groups import advantages, codes_of
from shapley_credit.credit.tokens import token_advantages
from shapley_credit.errors import InputError
from shapley_credit.graphs import between_graphs
from shapley_credit.utilities.maximum import Max
from shapley_credit.values import set_shapley

SCALES = ("sum", "mean")


def published_credit(rewards: Any) -> Any:
    """The credit of candidates exactly as published: Shapley values of v(S) = max_{i in S} r_i, v(empty) = 0.

        phi_i = sum_{S without i} |S|! (K - 1 - |S|)! / K!  [max(r_S + i) - max(r_S)]

    rewards: [..., K], one for each candidate.

    Returns [..., K], which add up to the best reward. Cost O(K log K) here, O(K^2) in the paper.
    Known weaknesses: a candidate that can't be parsed has to be given some reward, and 0 is more than every negative one;
    phi shrinks like 1/K, so that long lists learn slower. `shape_credit` has an explicit base, a mask and a scale.
    Raises InputError for rewards that are not finite. Source: Ai et al. (2026), ShapE-GRPO.

    >>> from shapley_credit.methods import shape_grpo
    >>> shape_grpo.published_credit([1.0, 3.0, 3.0])
    array([0.33333333, 1.33333333, 1.33333333])
    """
    return set_shapley(Max(rewards, 0.0, clip=False))


@between_graphs
def shape_credit(rewards: Any, base: Any = 0.0, *, present: Any = None, scale: str = "sum") -> Any:
    """The credit of candidates: Shapley values of v(S) = max(base, max_{i in S} r_i) among the candidates that are present.

        sum_i phi_i = v(N) - base,      times the number of present candidates for scale="mean"

    rewards: [..., K]. base: [...], what a response without candidates is worth; rewards below it earn nothing.
    present: bool [..., K], False for places without a candidate, or with one that can't be parsed: they get exactly 0 and
        change nobody else's credit. Duplicates share what one of them alone would earn.
    scale: "sum", or "mean", whose credits have the size of the reward for a list of any length.

    Returns [..., K] in the units of the rewards. Cost O(K log K).
    Raises InputError for rewards that are not finite where present, and another scale.
    Source: Littlechild & Owen (1973), the airport game; Ai et al. (2026) for its use.

    >>> from shapley_credit.methods import shape_grpo
    >>> shape_grpo.shape_credit([1.0, 3.0, -1.0, 0.0], present=[1, 1, 1, 0], scale="mean")
    array([1.5, 7.5, 0. , 0. ])
    """
    if scale not in SCALES:
        raise InputError(f"scale must be one of {', '.join(SCALES)}; got {scale!r}.")
    mask = None if present is None else to_numpy(present, "present")[0].astype(np.bool_)
    credit = set_shapley(Max(rewards, base, mask=mask))
    if scale == "sum":
        return credit
    values, library = to_numpy(credit, "credit")
    members = values.shape[-1] if mask is None else mask.sum(axis=-1, keepdims=True)
    return from_numpy(values * np.asarray(members, values.dtype), library)


@between_graphs
def shape_grpo(
    rewards: Any,
    mask: Any,
    *,
    candidates: Sequence[Sequence[int]],
    lengths: Sequence[Sequence[int]],
    groups: Any,
    base: Any = 0.0,
    present: Any = None,
    scale: str = "mean",
    baseline: str = "mean",
    divide: str = "none",
    spread: str = "segment",
    cu_seqlens: Any = None,
) -> Any:
    """Token advantages of responses that hold several candidates each.

        A_it = (n_i phi_ij - b) / s at the tokens of candidate j,      (v(N_i) - b') / s' at the tokens of no candidate

    b and s are taken over the present candidates of all responses of the group, b' and s' over its responses.
    rewards: [B, K]; base, present, scale: as in `shape_credit`.
    mask, cu_seqlens: as in `scatter_credit`, a row a response. candidates: ragged [B][S_i], the candidate 0 .. K-1 that each
        segment of the response belongs to, in text order, -1 for none. lengths: ragged [B][S_i], trainable tokens of each.
    groups: [B] ids of prompts. baseline, divide: the baseline and scale of `advantages`. spread: as in `token_advantages`.

    Returns float32 in the layout of mask. Cost O(B K log K + tokens). A centred advantage within one response,
    phi_ij - v(N_i)/K, would drop the term of the full set from the objective; the baseline is that of the group instead.
    Raises InputError as the functions named, and for a segment of a candidate that is out of range or absent.
    Source: Ai et al. (2026), 2603.29871.

    >>> from shapley_credit.methods import shape_grpo
    >>> A = shape_grpo.shape_grpo([[1.0, 0.0], [3.0, 1.0]], [[1, 1, 1], [1, 1, 1]], groups=["p", "p"],
    ...     candidates=[[-1, 0, 1], [-1, 0, 1]], lengths=[[1, 1, 1], [1, 1, 1]])
    >>> A[0].tolist(), A[1].tolist()
    ([-1.0, 0.0, -2.0], [1.0, 3.0, -1.0])
    """
    credit = to_numpy(shape_credit(rewards, base, present=present, scale=scale), "rewards")[0]
    here = np.ones(credit.shape, np.bool_) if present is None else to_numpy(present, "present")[0].astype(np.bool_)
    if credit.ndim != 2 or here.shape != credit.shape:
        raise InputError(f"rewards and present must be [B, K]; got {credit.shape} and {here.shape}.")
    best = Max(to_numpy(rewards, "rewards")[0], base, mask=here).value(np.arange(credit.shape[1]))
    owners = np.repeat(np.arange(len(credit)), credit.shape[1])
    known, _ = codes_of(groups, credit)
    paid = np.asarray(
        advantages(np.where(here, credit, np.nan).ravel(), known[owners], baseline=baseline, scale=divide)
    ).reshape(credit.shape)
    whole = np.asarray(advantages(best, known, baseline=baseline, scale=divide))
    shares = [_shares(row, paid[i], here[i], float(whole[i]), i) for i, row in enumerate(candidates)]
    return token_advantages(None, mask, segment_credit=shares, segment_lengths=lengths, spread=spread, cu_seqlens=cu_seqlens)


def _shares(owners: Sequence[int], paid: Array, here: Array, whole: float, row: int) -> list[float]:
    """The advantage of each segment of a response."""
    for owner in owners:
        if owner != -1 and not (0 <= owner < len(paid) and here[owner]):
            raise InputError(
                f"response {row} has a segment of candidate {owner}, which is not one of its present candidates "
                f"{np.flatnonzero(here).tolist()}; -1 marks text that belongs to none."
            )
    return [whole if owner == -1 else float(paid[owner]) for owner in owners]
