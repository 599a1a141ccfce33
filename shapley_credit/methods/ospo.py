"""OSPO as it should be: the segments of a response credited by values of the reward of what is left.

The members are the phrases of a response, its sentences and paragraphs are their unions, and a coalition is worth the reward of
the text with all other phrases taken out. Own credit are Owen and Winter values; the marginal credit is what the reward grows
by when the text has come to the end of a phrase. The published rule, coalitions that are windows of phrases, is in `windows`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from shapley_credit.blackbox.estimate import Estimate
from shapley_credit.blackbox.evaluate import evaluate
from shapley_credit.blackbox.plan import Plan, plan
from shapley_credit.blackbox.prefixes import Prefixes
from shapley_credit.convert import Array
from shapley_credit.credit.rules import rule_tokens, segment_advantages
from shapley_credit.credit.segments import SegmentedText
from shapley_credit.errors import InputError

__all__ = ["SegmentCredit", "SegmentMarginals", "ospo", "segment_advantages", "segment_credit", "segment_marginals"]


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
    plans = _plans(texts, budget, method, seed)
    return _credited(plans, _ask(reward, texts, plans, absent, evaluation))


class SegmentMarginals(NamedTuple):
    """Marginal contributions of the segments of B responses in the order in which they are written.

    Attributes:
        rewards: [B], the reward of each whole response.
        values: B arrays [k_i], by member.
        evaluations: how many coalitions were asked for; equal texts among them were asked once.
    """

    rewards: Array
    values: list[Array]
    evaluations: int


def segment_marginals(texts: Sequence[SegmentedText], reward: Any, *, absent: Any = "", **evaluation: Any) -> SegmentMarginals:
    """What the reward grows by as the text comes to the end of each segment.

        m_ij = R(segments that end no later than j) - R(those that end before j),      sum_j m_ij = R(text of i) - R(empty text)

    texts, reward, absent, evaluation: as in `segment_credit`. In a text without glue a coalition here is a prefix of the text;
    the glue counts from its last piece on. Cost: k_i + 1 evaluations a response.

    Returns a SegmentMarginals. With reward to go, by `ospo(credit="marginal")`, this is the credit that is unbiased for any
    policy.
    Raises InputError for no response, and EvaluationError as `evaluate` does. Source: Weber (1988), marginal vectors.

    >>> from shapley_credit.credit import segments
    >>> from shapley_credit.methods import ospo
    >>> text = segments.segment("Red and blue. Green.", segments.sentences("en"), segments.phrases("and"))
    >>> found = ospo.segment_marginals([text], lambda words: 2.0 * ("Red" in words and "Green" in words) - ("blue" in words))
    >>> found.values[0].tolist(), found.rewards.tolist(), found.evaluations
    ([0.0, -1.0, 2.0], [1.0], 4)
    """
    orders = [Prefixes(tuple(text.order)) for text in _some(texts)]
    return _grown(orders, _ask(reward, texts, orders, absent, evaluation))


def _some(texts: Sequence[SegmentedText]) -> Sequence[SegmentedText]:
    if not texts:
        raise InputError("segments need at least one response.")
    return texts


def _ask(
    reward: Any, texts: Sequence[SegmentedText], asked: Sequence[Plan | Prefixes], absent: Any, evaluation: dict[str, Any]
) -> list[Array]:
    """The values of the coalitions of several plans a text, one after the other: all of the first, all of the second."""
    count = len(texts)
    values: list[Array] = evaluate(
        reward, asked, request=lambda number, members: texts[number % count].render(members, absent), **evaluation
    )
    return values


def _credited(plans: Sequence[Plan], values: Sequence[Array]) -> SegmentCredit:
    ends = [int(np.flatnonzero(each.coalitions.all(axis=1))[0]) for each in plans]
    rewards = np.array([answers[end] for answers, end in zip(values, ends, strict=True)])
    estimates = [each.solve(answers) for each, answers in zip(plans, values, strict=True)]
    return SegmentCredit(rewards, estimates, sum(len(each.coalitions) for each in plans))


def _grown(orders: Sequence[Prefixes], values: Sequence[Array]) -> SegmentMarginals:
    marginals = [each.marginals(answers) for each, answers in zip(orders, values, strict=True)]
    return SegmentMarginals(np.array([answers[-1] for answers in values]), marginals, sum(each.k + 1 for each in orders))


def _plans(texts: Sequence[SegmentedText], budget: int | None = None, method: str = "auto", seed: int = 0) -> list[Plan]:
    """Responses have seeds of their own."""
    return [
        plan(text.tree, budget=_affordable(text, budget), method=method, seed=seed + number)
        for number, text in enumerate(_some(texts))
    ]


def _affordable(text: SegmentedText, budget: int | None) -> int | None:
    """No budget where the exact value is within it."""
    return None if budget is not None and int(text.tree.budget()) <= budget else budget


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
    marginal is right for every policy, from k + 1 evaluations a response, and the noisiest.

    texts, reward, and budget, method, seed, absent and all that `segment_credit` takes: as there; marginal alone asks no plan,
        and refuses budget, method and seed.
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
    array([[ 2.,  0.],
           [-2.,  0.]], dtype=float32)
    """
    if not len(texts) == len(offsets) == len(mask):
        raise InputError(f"texts, offsets and mask must go together; got {len(texts)}, {len(offsets)} and {len(mask)}.")
    phi, marginal = _credits(texts, reward, credit, lam, asked)
    stretches = [text.stretches(table, row) for text, table, row in zip(texts, offsets, mask, strict=True)]
    return rule_tokens(
        mask,
        phi,
        groups,
        segment_lengths=[lengths for lengths, _ in stretches],
        segment_order=[order for _, order in stretches],
        rule=credit,
        marginal=marginal,
        lam=lam,
        baseline=baseline,
        scale=scale,
        spread=spread,
    )


def _credits(
    texts: Sequence[SegmentedText], reward: Any, rule: str, lam: float, asked: dict[str, Any]
) -> tuple[list[Array] | None, list[Array] | None]:
    """Own credits and marginal contributions [B][k_i], None for what the rule has no use for; equal texts are asked once."""
    chosen = {name: asked.pop(name) for name in ("budget", "method", "seed") if name in asked}
    absent = asked.pop("absent", "")
    orders = [Prefixes(tuple(text.order)) for text in _some(texts)] if rule == "marginal" else []
    if orders and not lam:
        if chosen:
            raise InputError(
                f"marginal credit asks for k + 1 prefixes of a response; {', '.join(chosen)} choose others: leave out."
            )
        return None, _grown(orders, _ask(reward, texts, orders, absent, asked)).values
    plans = _plans(texts, **chosen)
    values = _ask(reward, texts, [*plans, *orders], absent, asked)
    own = [estimate.values for estimate in _credited(plans, values[: len(plans)]).estimates]
    return own, _grown(orders, values[len(plans) :]).values if orders else None
