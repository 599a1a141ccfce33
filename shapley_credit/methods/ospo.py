"""OSPO as it should be: the segments of a response credited by Owen and Winter values of the reward of what is left.

The members are the phrases of a response, its sentences and paragraphs are their unions, and a coalition is worth the reward of
the text with all other phrases taken out. The published rule, coalitions that are windows of phrases, is in `windows`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from shapley_credit.blackbox.estimate import Estimate
from shapley_credit.blackbox.evaluate import evaluate
from shapley_credit.blackbox.plan import plan
from shapley_credit.convert import Array
from shapley_credit.credit.groups import advantages, codes_of
from shapley_credit.credit.layouts import read_ragged
from shapley_credit.credit.segments import SegmentedText
from shapley_credit.credit.tokens import token_advantages
from shapley_credit.errors import InputError


class SegmentCredit(NamedTuple):
    """Credits of the segments of B responses.

    Attributes:
        rewards: [B], the reward of each whole response.
        estimates: B of them, `values` [k_i] and their standard errors, 0 where exact.
        evaluations: how many coalitions were planned; equal texts among them were asked once.
    """

    rewards: Array
    estimates: list[Estimate]
    evaluations: int


def segment_credit(
    texts: Sequence[SegmentedText],
    reward: Any,
    *,
    budget: int | None = None,
    method: str = "auto",
    seed: int = 0,
    absent: Any = "",
    **evaluation: Any,
) -> SegmentCredit:
    """Winter values of the reward among the segments of each response, exact or under a budget.

        sum_j phi_ij = R(text of i) - R(empty text)

    texts: B responses, from `segments.segment`. What is in no segment, the glue, is a member too, so that nothing is lost.
    reward: a function of a text, or `batched(f)` of a list of texts; asked once for equal texts, all responses together.
    budget: most evaluations a response; None for exact values, `text.tree.budget()` evaluations each.
    method, seed: as in `plan`; responses have seeds of their own. absent: what stands for a segment left out, as in `render`.
    evaluation: batch_size, executor, cache, retries, progress, as in `evaluate`.

    Returns a SegmentCredit. Credits keep their signs, a reward of 0 is shared like any other, and credit is not potential-based
    shaping: the policy's return stays the same only because the credits of a response add up to it.
    Raises InputError for a budget that is too small, and EvaluationError as `evaluate` does.
    Source: Winter (1989), for the method of 2601.08403.

    >>> from shapley_credit.credit import segments
    >>> from shapley_credit.methods import ospo
    >>> text = segments.segment("Red and blue. Green.", segments.sentences("en"), segments.phrases("and"))
    >>> found = ospo.segment_credit([text], lambda words: 2.0 * ("Red" in words and "Green" in words) - ("blue" in words))
    >>> found.estimates[0].values.tolist(), found.rewards.tolist()
    ([1.0, -1.0, 1.0], [1.0])
    """
    if not texts:
        raise InputError("segment_credit needs at least one response.")
    plans = [
        plan(text.tree, budget=_affordable(text, budget), method=method, seed=seed + number)
        for number, text in enumerate(texts)
    ]
    values = evaluate(reward, plans, request=lambda number, members: texts[number].render(members, absent), **evaluation)
    ends = [int(np.flatnonzero(each.coalitions.all(axis=1))[0]) for each in plans]
    rewards = np.array([answers[end] for answers, end in zip(values, ends, strict=True)])
    estimates = [each.solve(answers) for each, answers in zip(plans, values, strict=True)]
    return SegmentCredit(rewards, estimates, sum(len(each.coalitions) for each in plans))


def _affordable(text: SegmentedText, budget: int | None) -> int | None:
    """No budget where the exact value is within it."""
    return None if budget is not None and int(text.tree.budget()) <= budget else budget


def segment_advantages(credit: Any, groups: Any, *, baseline: str = "mean", scale: str = "group_std") -> list[Any]:
    """Advantages of segments: their credits less the baseline of all segments of the group, over the deviation of these.

        A_ij = (phi_ij - b) / s,      b and s over the segments of all responses of the group

    credit: ragged [B][S_i], phi; NaN marks the absent, as in `advantages`. groups: B ids of prompts, or the number of responses
        a prompt has. baseline, scale: as in `advantages`, over segments, not responses. The deviation of the rewards would not
        do for s: where all responses earn the same their segments differ still, and would be divided by next to 0.

    Returns B arrays [S_i], for the `segment_credit` of `token_advantages`. Cost O(segments). Raises InputError as `advantages`.

    >>> from shapley_credit.methods import ospo
    >>> [row.tolist() for row in ospo.segment_advantages([[4.0, 0.0], [2.0]], ["p", "p"])]
    [[1.0, -1.0], [0.0]]
    """
    flat, sizes = read_ragged(credit, "credit")
    owners = np.repeat(codes_of(groups, sizes)[0], sizes)
    paid = advantages(flat, owners, baseline=baseline, scale=scale)
    return [paid[end - size : end] for end, size in zip(np.cumsum(sizes), sizes, strict=True)]


def ospo(
    texts: Sequence[SegmentedText],
    reward: Any,
    mask: Any,
    offsets: Sequence[Any],
    *,
    groups: Any,
    baseline: str = "mean",
    scale: str = "group_std",
    spread: str = "segment",
    **credit: Any,
) -> Any:
    """Token advantages of responses whose segments are credited by Winter values.

        A_ij = (phi_ij - b) / s,      as in `segment_advantages`

    texts, reward, and budget, method, seed, absent and all that `segment_credit` takes: as there.
    mask: [B, T], nonzero for the trainable tokens. offsets: B arrays [T, 2], the characters of each token in the response, as a
        fast tokenizer gives them.
    groups, baseline, scale: as in `segment_advantages`. spread: as in `token_advantages`; "token" shares the advantage of a
        segment among its tokens, "segment" gives each of them all of it, "reward_to_go" pays a segment at its last token.

    Returns float32 [B, T]. Cost: that of `segment_credit`, O(tokens) beside it. Raises InputError as the functions named.
    Source: 2601.08403 for the problem, Winter (1989) for the credit.

    >>> import numpy as np
    >>> from shapley_credit.credit import segments
    >>> from shapley_credit.methods import ospo
    >>> texts = [segments.segment(text, segments.words) for text in ("good bad", "bad bad")]
    >>> offsets = [np.array([(0, 4), (5, 8)]), np.array([(0, 3), (4, 7)])]
    >>> reward = lambda text: float(text.count("good")) - text.count("bad")
    >>> ospo.ospo(texts, reward, np.ones((2, 2)), offsets, groups=["p", "p"], scale="none")
    array([[ 1.5, -0.5],
           [-0.5, -0.5]], dtype=float32)
    """
    if not len(texts) == len(offsets) == len(mask):
        raise InputError(f"texts, offsets and mask must go together; got {len(texts)}, {len(offsets)} and {len(mask)}.")
    found = segment_credit(texts, reward, **credit)
    stretches = [text.stretches(table, row) for text, table, row in zip(texts, offsets, mask, strict=True)]
    phi = [estimate.values for estimate in found.estimates]
    return token_advantages(
        None,
        mask,
        segment_credit=segment_advantages(phi, groups, baseline=baseline, scale=scale),
        segment_lengths=[lengths for lengths, _ in stretches],
        segment_order=[order for _, order in stretches],
        spread=spread,
    )
