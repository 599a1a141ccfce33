"""OSPO as it should be: the segments of a response credited by values of the reward of what is left.

The members are the phrases of a response, its sentences and paragraphs are their unions, and a coalition is worth the reward of
the text with all other phrases taken out. Own credits are Owen and Winter values; the marginal credit is what the reward grows
by as the text comes to the end of a phrase. The published rule, coalitions that are windows of phrases, is in `windows`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from shapley_credit.convert import Array, to_host
from shapley_credit.credit.increments import Rule
from shapley_credit.credit.rules import check_spread, rule_tokens, segment_advantages
from shapley_credit.credit.segments import SegmentedText
from shapley_credit.errors import InputError
from shapley_credit.inputs.ids import codes_of
from shapley_credit.methods.segment_credits import (
    SegmentCredit,
    SegmentMarginals,
    checked,
    credits_for,
    segment_credit,
    segment_marginals,
)

__all__ = ["SegmentCredit", "SegmentMarginals", "ospo", "segment_advantages", "segment_credit", "segment_marginals"]


def ospo(
    texts: Sequence[SegmentedText],
    reward: Any,
    mask: Any,
    offsets: Sequence[Any],
    *,
    groups: Any,
    credit: str = "own",
    lam: float = 0.0,
    baseline: str | None = None,
    scale: str = "group_std",
    spread: str = "segment",
    **asked: Any,
) -> Any:
    """Token advantages of responses whose segments are credited by what they do to the reward.

        own         A_ij = (phi_ij - b_i / S_i) / s,      phi_ij the Winter values of `segment_credit`
        to_go       A_ij = (sum_{l >= j} phi_il - b_i) / s
        marginal    A_ij = (sum_{l >= j} m_il - b_i) / s,      m_ij those of `segment_marginals`
        mixture     lam of own and 1 - lam of marginal, over one s

    The rules, when each is right, what it fails and what it costs in variance: `credit.rules.segment_advantages`. In short, own
    has the least variance and is right where segments don't steer what comes after them; to_go is right at the first decision;
    marginal, with scale="none", is right for every policy, from a prefix for every segment, and the noisiest.

    texts, reward, and budget, method, seed, absent and all that `segment_credit` takes: as there; marginal alone asks no plan,
        and refuses budget, method, seed and absent.
    mask: [B, T], nonzero for the trainable tokens. offsets: B arrays [T, 2], the characters of each token in the response, as a
        fast tokenizer gives them.
    groups, credit (its `rule`), lam, baseline, scale: as in `credit.rules.segment_advantages`. spread: "segment" gives each
        token of a segment all of its own advantage, "token" shares it among them; what is to go reaches every token up to the
        end of the segment.

    Returns float32 [B, T]. Cost: that of the evaluations, O(tokens) beside it. Raises InputError as the functions named.
    Source: 2601.08403 for the problem, Winter (1989) and Weber (1988) for the credits.

    >>> import numpy as np
    >>> from shapley_credit.credit import segments
    >>> from shapley_credit.methods import ospo
    >>> texts = [segments.segment(text, segments.words) for text in ("good bad", "bad bad")]
    >>> offsets = [np.array([(0, 4), (5, 8)]), np.array([(0, 3), (4, 7)])]
    >>> reward = lambda text: float(text.count("good")) - text.count("bad")
    >>> ospo.ospo(texts, reward, np.ones((2, 2)), offsets, groups=["p", "p"], scale="none")
    array([[ 1.5, -0.5],
           [-0.5, -0.5]], dtype=float32)
    >>> ospo.ospo(texts, reward, np.ones((2, 2)), offsets, groups=["p", "p"], scale="none", credit="marginal")
    array([[ 2.,  2.],
           [-2., -2.]], dtype=float32)
    """
    rows = _rows(checked(texts), offsets, mask)
    check_spread(Rule(credit, lam, baseline, scale), spread)  # before anything is paid for
    codes_of(groups, np.zeros(len(texts)))
    stretches = [text.stretches(*row) for text, row in zip(texts, rows, strict=True)]
    phi, grown = credits_for(texts, reward, credit, lam, asked)
    return rule_tokens(
        mask,
        phi,
        groups,
        segment_lengths=[lengths for lengths, _ in stretches],
        segment_order=[order for _, order in stretches],
        rule=credit,
        marginal=None if grown is None else grown.values,
        marginal_lengths=None if grown is None else [_tokens(text, *row) for text, row in zip(grown.steps, rows, strict=True)],
        lam=lam,
        baseline=baseline,
        scale=scale,
        spread=spread,
    )


def _rows(texts: Sequence[SegmentedText], offsets: Any, mask: Any) -> list[tuple[Any, Any]]:
    """Offsets and mask of each response."""
    trained = mask if isinstance(mask, list | tuple) else to_host(mask, "mask")
    told = offsets if isinstance(offsets, list | tuple) else to_host(offsets, "offsets")
    sizes = [len(texts), *(0 if isinstance(each, np.ndarray) and not each.ndim else len(each) for each in (told, trained))]
    if len(set(sizes)) > 1:
        raise InputError(f"texts, offsets and mask must go together; got {sizes[0]}, {sizes[1]} and {sizes[2]}.")
    return list(zip(told, trained, strict=True))


def _tokens(text: SegmentedText, offsets: Any, mask: Any) -> Array:
    """Trainable tokens of each member, 0 for those that were cut off."""
    lengths, order = text.stretches(offsets, mask)
    return np.bincount(order, lengths, len(text)).astype(np.int64)
