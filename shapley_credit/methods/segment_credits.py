"""The effect of segments on the reward of a response: as they are taken out, and as they are written one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from shapley_credit.blackbox.evaluate import evaluate
from shapley_credit.blackbox.passed_on import passed_on
from shapley_credit.blackbox.plan import Plan, plan, solve_plans
from shapley_credit.blackbox.prefixes import Prefixes
from shapley_credit.blackbox.solution import Estimate
from shapley_credit.convert import Array
from shapley_credit.credit.segments import SegmentedText
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import shown, whole_number


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
    how = passed_on(evaluation, "segment_credit", evaluate, own=("request",))
    plans = _plans(texts, budget, method, seed)
    return _credited(plans, _ask(reward, texts, plans, absent, how))


class SegmentMarginals(NamedTuple):
    """Marginal contributions of what is written step by step in B responses.

    Attributes:
        rewards: [B], the reward of each whole response.
        values: B arrays [n_i], in the order of the text.
        steps: B texts, whose members are the steps.
        evaluations: how many prefixes were asked for; equal texts among them were asked once.
    """

    rewards: Array
    values: list[Array]
    steps: list[SegmentedText]
    evaluations: int


def segment_marginals(texts: Sequence[SegmentedText], reward: Any, **evaluation: Any) -> SegmentMarginals:
    """What the reward grows by as the text comes to the end of each segment.

        m_ij = R(text up to the end of segment j) - R(text up to the end of segment j - 1),      sum_j m_ij = R(text) - R("")

    texts, reward, evaluation: as in `segment_credit`. What is between two segments belongs to the step of the second, what is
    behind the last is a step of its own: a prefix of the text never knows what comes after it, a coalition with glue would.
    Cost: n_i + 1 evaluations a response, n_i its number of segments, and one more for text behind them.

    Returns SegmentMarginals. With reward to go, by `ospo(credit="marginal", scale="none")`, this is the credit that is unbiased
    for any policy. Raises InputError for no response, and EvaluationError as `evaluate` does.
    Source: Weber (1988), marginal vectors.

    >>> from shapley_credit.credit import segments
    >>> from shapley_credit.methods import ospo
    >>> text = segments.segment("Red and blue. Green.", segments.sentences("en"), segments.phrases("and"))
    >>> found = ospo.segment_marginals([text], lambda words: 2.0 * ("Red" in words and "Green" in words) - ("blue" in words))
    >>> found.values[0].tolist(), found.rewards.tolist(), found.evaluations
    ([0.0, -1.0, 2.0], [1.0], 4)
    """
    how = passed_on(evaluation, "segment_marginals", evaluate, own=("request",))
    steps, orders = _written(texts)
    return _grown(steps, orders, _ask(reward, steps, orders, "", how))


def _written(texts: Sequence[SegmentedText]) -> tuple[list[SegmentedText], list[Prefixes]]:
    steps = [text.steps() for text in checked(texts)]
    return steps, [Prefixes(tuple(range(len(text)))) for text in steps]


def checked(texts: Sequence[SegmentedText]) -> Sequence[SegmentedText]:
    """The texts, or InputError for an empty list, or for what `segments.segment` has not made."""
    listed = isinstance(texts, Sequence) and not isinstance(texts, str)
    if not listed or not all(isinstance(text, SegmentedText) for text in texts):
        raise InputError(f"texts must be a list of texts made by segments.segment(text, ..); got {shown(texts)}.")
    if not texts:
        raise InputError("segments need at least one response.")
    return texts


def _ask(
    reward: Any, texts: Sequence[SegmentedText], asked: Sequence[Plan | Prefixes], absent: Any, how: dict[str, Any]
) -> list[Array]:
    """The values of the coalitions of a plan for each text."""
    values: list[Array] = evaluate(reward, asked, request=lambda number, members: texts[number].render(members, absent), **how)
    return values


def _credited(plans: Sequence[Plan], values: Sequence[Array]) -> SegmentCredit:
    # Every plan asks for the grand coalition, whose value is the reward of the whole response.
    ends = [int(np.flatnonzero(each.coalitions.all(axis=1))[0]) for each in plans]
    rewards = np.array([answers[end] for answers, end in zip(values, ends, strict=True)])
    return SegmentCredit(rewards, solve_plans(plans, values), sum(len(each.coalitions) for each in plans))


def _grown(steps: list[SegmentedText], orders: Sequence[Prefixes], values: Sequence[Array]) -> SegmentMarginals:
    marginals = [each.marginals(answers) for each, answers in zip(orders, values, strict=True)]
    rewards = np.array([answers[-1] for answers in values])
    return SegmentMarginals(rewards, marginals, steps, sum(each.k + 1 for each in orders))


def _plans(texts: Sequence[SegmentedText], budget: int | None = None, method: str = "auto", seed: int = 0) -> list[Plan]:
    """A plan for each text, with a seed of its own, so that equal trees do not draw equal coalitions."""
    first = whole_number(seed, "seed")
    most = None if budget is None else whole_number(budget, "budget")
    return [
        plan(text.tree, budget=_affordable(text, most), method=method, seed=first + number)
        for number, text in enumerate(checked(texts))
    ]


def _affordable(text: SegmentedText, budget: int | None) -> int | None:
    """The budget, or None for exact values if they cost no more."""
    return None if budget is not None and int(text.tree.budget()) <= budget else budget


def credits_for(
    texts: Sequence[SegmentedText], reward: Any, rule: str, lam: float, asked: dict[str, Any]
) -> tuple[list[Array] | None, SegmentMarginals | None]:
    """Own credits [B][k_i] and marginal contributions, None for what the rule has no use for; equal texts are asked once."""
    chosen = {name: asked.pop(name) for name in ("budget", "method", "seed", "absent") if name in asked}
    steps, orders = _written(texts) if rule == "marginal" else ([], [])
    if orders and not lam:
        if chosen:
            raise InputError(
                f"marginal credit asks for the prefixes of a response; {', '.join(chosen)} choose other coalitions: leave out."
            )
        return None, _grown(steps, orders, _ask(reward, steps, orders, "", asked))
    absent = chosen.pop("absent", "")
    plans = _plans(texts, **chosen)
    # One call for both, so that a text that is a coalition and a prefix is asked once.
    values: list[Array] = evaluate(
        reward,
        [*plans, *orders],
        request=lambda number, members: [*texts, *steps][number].render(members, absent if number < len(texts) else ""),
        **asked,
    )
    own = [estimate.values for estimate in _credited(plans, values[: len(plans)]).estimates]
    return own, _grown(steps, orders, values[len(plans) :]) if orders else None
