"""Estimators that give the segments of a response, or its candidates, credits of their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from shapley_credit.adapters.members import Members
from shapley_credit.adapters.segment_columns import check_segments, from_rewards, of_members
from shapley_credit.adapters.settings import Estimator, warn_of_filters
from shapley_credit.adapters.token_batch import TokenBatch
from shapley_credit.convert import Array
from shapley_credit.credit.increments import Rule
from shapley_credit.credit.rules import Increments, check_spread, increments_of_text
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import one_of
from shapley_credit.methods.shape_grpo import VALUES, candidate_pay


def segment_estimator(
    *, credit: str = "own", lam: float = 0.0, baseline: str | None = None, scale: str = "group_std", spread: str = "segment"
) -> Estimator:
    """Estimator that gives the segments of a response credits of their own, as `methods.ospo` does.

        A_ij = (phi_ij - b_i / S_i) / s for own credit; to_go, marginal and mixtures as in `credit.rules.segment_advantages`

    phi comes from `segment_credit` and `segment_lengths` of `non_tensor_batch`, and where segments come in several stretches
    `segment_order`, as in `token_advantages`. The marginal contributions of `credit="marginal"` come from `segment_marginal`,
    with `marginal_lengths` where their segments are others; phi is then needed for a mixture alone. Where the framework passes
    no such columns, they are the rewards by token, as in `segment_rewards`. Rewards of whole responses alone are refused: they
    say nothing about segments. A response without trainable tokens is absent. Rows of one `session_id` are one response, as
    `members.Members` says: the columns of its last row are for all its tokens, or each row has those of its own.
    credit, lam, baseline, scale: the rule and what `segment_advantages` takes. spread: of own credit, "segment" or "token".

    >>> import numpy as np
    >>> from shapley_credit.adapters.estimators import segment_estimator
    >>> by_step = segment_estimator(scale="none")
    >>> by_step(np.array([[0.0, 3.0, 1.0], [2.0, 0.0, 0.0]]), np.array([[1, 1, 1], [1, 1, 0]]), ["p", "p"])[0]
    array([[ 1.5,  1.5, -0.5],
           [-1. , -1. ,  0. ]], dtype=float32)
    """
    rule = check_spread(Rule(credit, lam, baseline, scale), spread)
    needed = (*("segment_credit",) * (credit != "marginal" or lam > 0), *("segment_marginal",) * (credit == "marginal"))

    def estimate(
        token_level_rewards: Any,
        response_mask: Any,
        index: Any = None,
        config: Any = None,
        non_tensor_batch: Any = None,
        **_: Any,
    ) -> tuple[Any, Any]:
        batch, columns = TokenBatch.read(token_level_rewards, response_mask), dict(non_tensor_batch or {})
        members = Members.read(index, len(batch.mask), columns)
        warn_of_filters(config)
        missing = {*needed, "segment_lengths"} - columns.keys()
        if missing and columns.keys() & {"segment_credit", "segment_marginal", "segment_lengths"}:
            raise InputError(
                f"credit={credit!r} reads {', '.join(needed)} and segment_lengths; missing: {', '.join(sorted(missing))}."
            )
        if missing:
            columns = from_rewards(batch, config, needed)
        trained = batch.trained_tokens()
        told = of_members(columns, needed, trained, members)
        check_segments(told, needed, members.total(trained))
        found, text = increments_of_text(
            rule,
            told.get("segment_credit"),
            told.get("segment_marginal"),
            members.prompts,
            segment_lengths=told["segment_lengths"],
            segment_order=told.get("segment_order"),
            marginal_lengths=told.get("marginal_lengths"),
        )

        def write(some: slice, flags: Any, bounds: Any) -> Any:
            own, to_go = (part and part[some] for part in (found.own, found.to_go))
            theirs = {name: rows and rows[some] for name, rows in text.items()}
            return Increments(own, to_go).tokens(flags, **theirs, spread=spread, cu_seqlens=bounds)

        advantages = batch.spread(members, write)
        return advantages, advantages

    return estimate


def candidate_estimator(
    *,
    credit: str = "own",
    lam: float = 0.0,
    baseline: str | None = None,
    scale: str = "none",
    spread: str = "segment",
    value: str | None = None,
) -> Estimator:
    """Estimator of `methods.shape_grpo` from the columns of `shape_grpo`; without them that of `segment_estimator`.

    credit, lam, baseline, spread, value: as in `shape_grpo`; scale is its `divide`.

    >>> import numpy as np
    >>> from shapley_credit.adapters.estimators import candidate_estimator
    >>> columns = {"candidate_rewards": [[1.0, 0.0], [3.0]], "segment_candidate": [[0, 1], [0]]}
    >>> columns |= {"segment_lengths": [[1, 1], [2]]}
    >>> candidate_estimator()(np.zeros((2, 2)), np.ones((2, 2)), ["p", "p"], non_tensor_batch=columns)[0]
    array([[ 0., -2.],
           [ 1.,  1.]], dtype=float32)
    """
    rule = check_spread(Rule(credit, lam, baseline, scale), spread)
    if value is not None:
        one_of(value, VALUES, "value")
    by_segment = segment_estimator(credit=credit, lam=lam, baseline=baseline, scale=scale, spread=spread)

    def estimate(
        token_level_rewards: Any,
        response_mask: Any,
        index: Any = None,
        config: Any = None,
        non_tensor_batch: Any = None,
        **given: Any,
    ) -> tuple[Any, Any]:
        columns = non_tensor_batch or {}
        if "candidate_rewards" not in columns:
            return by_segment(token_level_rewards, response_mask, index, config=config, non_tensor_batch=columns, **given)
        if missing := {"segment_candidate", "segment_lengths"} - columns.keys():
            raise InputError(f"candidate_rewards come with segment_candidate and segment_lengths; missing: {sorted(missing)}.")
        batch = TokenBatch.read(token_level_rewards, response_mask)
        members = Members.read(index, len(batch.mask), columns)
        warn_of_filters(config)
        told = of_members(columns, ("candidate_rewards",), batch.trained_tokens(), members)
        rewards, present = _padded(told["candidate_rewards"])
        text, own = (told["segment_candidate"], told["segment_lengths"]), credit == "own"
        pay = candidate_pay(rewards, *text, members.prompts, 0.0, present, rule, own, spread, value)
        advantages = batch.spread(members, lambda some, flags, bounds: pay.tokens(flags, some, bounds))
        return advantages, advantages

    return estimate


def _padded(rows: list[Any]) -> tuple[Array, Array]:
    """Ragged rewards as a matrix and where it holds them, one place wide where there is no candidate at all."""
    counts = np.array([len(row) for row in rows])
    present = np.arange(max(int(counts.max(initial=0)), 1)) < counts[:, None]
    rewards = np.zeros(present.shape)
    rewards[present] = np.concatenate([np.asarray(row, np.float64) for row in rows])
    return rewards, present
