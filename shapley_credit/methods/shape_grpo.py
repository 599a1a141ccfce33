"""ShapE-GRPO: the candidates inside one response credited for the best of them (Ai et al. 2026, 2603.29871).

The members are the candidates of one response, the utility is the best reward among them. The tokens of a candidate get its
credit, the tokens of no candidate (numbering, introductions) keep the reward of the set.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from shapley_credit import semivalues
from shapley_credit.convert import Array, from_numpy, to_numpy
from shapley_credit.credit.groups import advantages
from shapley_credit.credit.increments import RULES, Rule
from shapley_credit.credit.rules import check_spread, increments
from shapley_credit.credit.stretches import ends_of, trained_tokens
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import flags, one_of, shown
from shapley_credit.inputs.ids import codes_of
from shapley_credit.methods.candidates import CandidatePay, in_text, own_pieces, read_candidates, trailing
from shapley_credit.torch_compile import between_graphs
from shapley_credit.utilities.maximum import Max
from shapley_credit.values import marginal_vector, set_semivalue, set_shapley

SCALES = ("sum", "mean")
VALUES = ("shapley", "leave_one_out")


def published_credit(rewards: Any) -> Any:
    """The credit of candidates exactly as published: Shapley values of v(S) = max_{i in S} r_i, v(empty) = 0.

        phi_i = sum_{S without i} |S|! (K - 1 - |S|)! / K!  [max(r_S + i) - max(r_S)]

    rewards: [..., K], one for each candidate.

    Returns [..., K], which add up to the best reward. Cost O(K log K) here, O(K^2) in the paper.
    A candidate that can't be parsed needs some reward, and 0 is more than every negative one; phi shrinks like 1/K, so that
    long lists learn slower. `shape_credit` has an explicit base, a mask and a scale.
    Raises InputError for rewards that are not finite. Source: Ai et al. (2026), ShapE-GRPO.

    >>> from shapley_credit.methods import shape_grpo
    >>> shape_grpo.published_credit([1.0, 3.0, 3.0])
    array([0.33333333, 1.33333333, 1.33333333])
    """
    return set_shapley(Max(rewards))


@between_graphs
def shape_credit(rewards: Any, base: Any = 0.0, *, present: Any = None, scale: str = "sum", value: str = "shapley") -> Any:
    """The credit of candidates: values of v(S) = max(base, max_{i in S} r_i) among the candidates that are present.

        shapley         sum_i phi_i = v(N) - base
        leave_one_out   phi_i = v(N) - v(N - i), which only the best candidate has, and nobody if two are the best

    rewards: [..., K]. base: [...], what a response without candidates is worth; rewards below it earn nothing.
    present: bool [..., K], False for places without a candidate, or with one that can't be parsed: they get exactly 0 and
        change no other credit. Under Shapley duplicates share what one of them alone would earn.
    scale: "sum", or "mean" for these times the number of present candidates, which have the size of the reward in any list.

    Returns [..., K] in the units of the rewards. Cost O(K log K).
    Raises InputError for rewards that are not finite where present, and another scale or value.
    Source: Littlechild & Owen (1973), the airport game; Ai et al. (2026) for its use.

    >>> from shapley_credit.methods import shape_grpo
    >>> shape_grpo.shape_credit([1.0, 3.0, -1.0, 0.0], present=[1, 1, 1, 0], scale="mean")
    array([1.5, 7.5, 0. , 0. ])
    """
    one_of(scale, SCALES, "scale")
    one_of(value, VALUES, "value")
    mask = None if present is None else flags(present, "present")
    game = Max(rewards, _read_base(base), clip=True, mask=mask)
    credit = set_shapley(game) if value == "shapley" else set_semivalue(game, semivalues.leave_one_out)
    if scale == "sum":
        return credit
    values, library = to_numpy(credit, "credit")
    members = values.shape[-1] if mask is None else mask.sum(axis=-1, keepdims=True)
    return from_numpy(values * np.asarray(members, values.dtype), library)


def marginal_credit(
    rewards: Any,
    candidates: Sequence[Sequence[int]],
    base: Any = 0.0,
    *,
    present: Any = None,
    lengths: Sequence[Sequence[int]] | None = None,
) -> Any:
    """What the best reward grows by as the text comes to the end of each candidate.

        m_ij = max(base, rewards of those that end no later than j) - max(base, rewards of those that end before j)

    rewards: [B, K]; base, present: as in `shape_credit`. candidates: as in `shape_grpo`, each in one piece, in the order of the
        text. lengths: as there, pieces without tokens do not count; candidates without any come last.

    Returns [B, K], which add up to v(N) - base. Cost O(B K log K). Raises InputError as `shape_credit`, for candidates out of
    range, and for one in several pieces: what it is worth is not known at the first of them.
    Source: Weber (1988), marginal vectors.

    >>> from shapley_credit.methods import shape_grpo
    >>> shape_grpo.marginal_credit([[1.0, 3.0, 2.0]], [[-1, 0, 2, 1]])
    array([[1., 1., 1.]])
    """
    mask = None if present is None else flags(present, "present")
    game = Max(rewards, _read_base(base), clip=True, mask=mask)
    if len(game.shape) != 1:
        raise InputError(f"rewards must be [B, K]; got {game!r}.")
    here = np.ones((*game.shape, game.k), np.bool_) if mask is None else mask
    owners, counts = read_candidates(candidates, here, lengths)
    orders = [in_text(row, count, game.k, i) for i, (row, count) in enumerate(zip(owners, counts, strict=True))]
    return marginal_vector(game, order=np.array(orders))


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
    credit: str = "own",
    lam: float = 0.0,
    scale: str | None = None,
    baseline: str | None = None,
    divide: str = "none",
    spread: str = "segment",
    value: str | None = None,
    cu_seqlens: Any = None,
) -> Any:
    """Token advantages of responses that hold several candidates each.

        own         A_ij = (n_i phi_ij - b_i) / s, or (phi_ij - b_i / n_i) / s, at the tokens of candidate j,
                    A_i = (v(N_i) - b'_i) / s' at the tokens of no candidate
        to_go       A_it = (sum of phi_ij over the candidates that end at token t - 1 or behind it - b_i) / s at all tokens
        marginal    the same of `marginal_credit`: A_it = (v(N_i) - v(those that end before token t - 1) - b_i) / s
        mixture     lam of own and 1 - lam of marginal

    n_i is the number of present candidates, R_i = v(N_i) - base. What phi_ij lack of R_i, nothing under Shapley, is shared
    evenly, under to_go paid to the last. Own credit under scale="sum" adds up to (R_i - b_i) / s over the candidates of a
    response; under "mean", the default, its mean over them is that: the order of R in the mean, not in the sum. Tokens of no
    candidate are in the order of v(N_i) by themselves. What own, to_go and marginal are right for, fail and cost:
    `credit.rules.segment_advantages`. Where an early candidate steers late ones, own points against the gradient for some
    policies, marginal for none.

    rewards: [B, K]; base, present: as in `shape_credit`. scale: "mean" (own credit only, its default) or "sum".
    mask, cu_seqlens: as in `scatter_credit`, a row a response. candidates: ragged [B][S_i], the candidate 0 .. K-1 that each
        segment of the response belongs to, in text order, -1 for none. lengths: ragged [B][S_i], trainable tokens of each.
    groups: [B] ids of prompts. credit (its `rule`), lam, baseline, and divide for its scale: as in
        `credit.rules.segment_advantages`; b'_i and s' are those of v(N_i) over responses. spread: as in `rule_tokens`.
    value: of `shape_credit`, for phi: "leave_one_out" by default, "shapley", the default of to_go, as published.

    Returns float32 in the layout of mask. Cost O(B K log K + tokens). The baseline is that of the group: phi_ij - v(N_i) / n_i
    would drop the term of the full set from the objective of independent candidates.
    Raises InputError as the functions named, for a segment of a candidate that is out of range or absent, and under marginal
    credit for a candidate in several pieces.
    Source: Ai et al. (2026), 2603.29871; Weber (1988).

    >>> from shapley_credit.methods import shape_grpo
    >>> text = {"groups": ["p", "p"], "candidates": [[-1, 0, 1], [-1, 0, 1]], "lengths": [[1, 1, 1], [1, 1, 1]]}
    >>> shape_grpo.shape_grpo([[1.0, 0.0], [3.0, 1.0]], [[1, 1, 1], [1, 1, 1]], **text)[1].tolist()
    [1.0, 3.0, -1.0]
    >>> shape_grpo.shape_grpo([[1.0, 0.0], [3.0, 1.0]], [[1, 1, 1], [1, 1, 1]], **text, credit="marginal")[1].tolist()
    [2.0, 2.0, 2.0]
    """
    mean = _is_mean(scale, credit)
    rule = check_spread(Rule(credit, lam, baseline, divide), spread)
    pay = candidate_pay(rewards, candidates, lengths, groups, base, present, rule, mean, spread, value)
    return pay.tokens(mask, cu_seqlens=cu_seqlens)


def candidate_pay(
    rewards: Any,
    candidates: Any,
    lengths: Any,
    groups: Any,
    base: Any,
    present: Any,
    rule: Rule,
    mean: bool,
    spread: str,
    value: str | None,
) -> CandidatePay:
    """The part of `shape_grpo` that asks for no token. rule: with `divide` as its scale. mean: credits times candidates."""
    values = to_numpy(rewards, "rewards")[0]
    here = np.ones(values.shape, np.bool_) if present is None else flags(present, "present")
    if values.ndim != 2 or here.shape != values.shape:
        raise InputError(f"rewards and present must be [B, K]; got {values.shape} and {here.shape}.")
    owners, counts = read_candidates(candidates, here, lengths)
    known, _ = codes_of(groups, values)
    best, earned = _worth(values, base, here)
    trained = trained_tokens(rule.baseline, counts)
    value = value or ("shapley" if rule.name == "to_go" else "leave_one_out")
    ours = shape_credit(values, base, present=here, value=value) if rule.name != "marginal" or rule.lam else None
    grown = marginal_credit(values, candidates, base, present=here, lengths=lengths) if rule.name == "marginal" else None
    outside, absent = trailing(owners, counts, here.shape[1]), np.full(len(values), np.nan)
    found = increments(
        rule,
        None if ours is None else _rows(ours, here, outside if rule.name == "to_go" else absent),
        None if grown is None else _rows(grown, here, outside),
        known,
        rewards=earned,
        lengths=trained,
        times=here.sum(axis=1) if mean else None,
        ends=None if rule.name == "own" else ends_of(_rows(values, here, outside), counts, owners),
    )
    own = None
    if found.own is not None:
        whole = np.asarray(advantages(best, known, baseline=rule.below_whole, scale=rule.scale, lengths=trained))
        # The last column is the text of no candidate, which is paid for the response as a whole.
        paid = np.column_stack([np.stack(found.own)[:, :-1], rule.share * whole])
        own = [own_pieces(*row, spread) for row in zip(paid, owners, counts, strict=True)]
    return CandidatePay(own, found.to_go, owners, counts, spread)


def _worth(values: Array, base: Any, here: Array) -> tuple[Array, Array]:
    """The best reward of each response, and what its credits add up to, v(N) - v(empty)."""
    game = Max(values, _read_base(base), clip=True, mask=here)
    if game.shape != values.shape[:1]:
        raise InputError(f"base must be one number, or one for each of the {len(values)} responses; got {shown(base)}.")
    best = game.value(np.arange(values.shape[1]))
    return best, best - np.broadcast_to(to_numpy(base, "base")[0], best.shape)


def _read_base(base: Any) -> Any:
    if base is None:
        raise InputError("base is None; it is what a response without candidates is worth, 0.0 by default.")
    return base


def _is_mean(scale: str | None, credit: str) -> bool:
    """Whether credits are multiplied by the number of candidates: by default for own credit, which no rule adds up."""
    one_of(credit, RULES, "the rule of credit")
    if scale is not None:
        one_of(scale, SCALES, "scale")
    if scale == "mean" and credit != "own":
        raise InputError(
            f"scale='mean' multiplies by the number of candidates, which {credit!r} would teach to grow; use 'sum'."
        )
    return credit == "own" and scale != "sum"


def _rows(credit: Array, here: Array, outside: Array) -> Array:
    """Credits [B, K + 1] of the candidates, NaN for the absent, and of the text that belongs to none."""
    return np.concatenate([np.where(here, credit, np.nan), outside[:, None]], axis=1)
