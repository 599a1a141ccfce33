"""Rules of credit: from the credits of segments to the advantages of segments and tokens, under one law.

What a rule gives to the segments of a response, before any reward to go adds it up, adds up to (R_i - b_i) / s: R_i the sum of
the credits of the response, b_i a baseline over such totals, s > 0 one number for its group. So a response that earned more
is never paid less in all, however many segments it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shapley_credit.credit.increments import Rule, parts_of
from shapley_credit.credit.layouts import agree
from shapley_credit.credit.stretches import ends_of, in_text_order, trained_tokens
from shapley_credit.credit.tokens import token_advantages
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import one_of
from shapley_credit.torch_compile import between_graphs

OWN_SPREADS = ("segment", "token")


@between_graphs
def segment_advantages(
    credit: Any,
    groups: Any,
    *,
    rule: str = "own",
    marginal: Any = None,
    lam: float = 0.0,
    baseline: str | None = None,
    scale: str = "group_std",
    rewards: Any = None,
    lengths: Any = None,
    floor: float = 1e-3,
) -> list[Any]:
    """Advantages of the segments of responses by a rule of credit.

        own         A_ij = (phi_ij - b_i w_ij) / s,      w_ij = 1 / S_i, so that sum_j A_ij = (R_i - b_i) / s
        to_go       A_ij = (sum_{l >= j} phi_il - b_i) / s,      so that A_i1 = (R_i - b_i) / s
        marginal    A_ij = (sum_{l >= j} m_il - b_i) / s = (v(N) - v(y_<j) - b_i) / s
        mixture     lam of own and 1 - lam of marginal, over one s

    own pays a segment for what it is worth, with the least variance: where segments ignore each other (parallel candidates, a
    fixed number of them) leave-one-out credit with a baseline of others is unbiased, and Shapley credit follows its mixture
    over sizes. It fails where an early segment leads to late ones, as [1.0] against [0.0, 1.5]. to_go is right at the first
    decision, and fails where a credit looks ahead: a prefix of 1 and then A = .9 or B = 1.5 with chance .1, paid by Shapley
    values of the maximum. marginal with scale="none" is unbiased for every policy and every v, and pays with the noise of all
    that comes later. Each of these games is enumerated in docs/rules.md. Where a token may end one segment or go on with it,
    write advantages to tokens by `rule_tokens`, which knows that this choice belongs to the segment before.

    credit: ragged [B][S_i], phi, segments in the order of the text; R_i is their sum. NaN marks the absent, which count
        nowhere: they get 0 of own credit, and what is to go from them on. None for marginal with lam = 0.
    groups: B ids of prompts, or the number of responses a prompt has.
    marginal: ragged [B][S_i], m_ij = v(y_<=j) - v(y_<j), for `rule="marginal"` alone, from `marginal_vector`.
    baseline: over the totals R_i. own: those of `advantages`, "mean" by default. Rules that accumulate subtract it whole at
        every decision, from other responses only: "leave_one_out", "length_weighted_leave_one_out", "none", or by default
        "place", at the j-th segment the mean of what the other responses that have one get from there on, and if none has one,
        of what they get from their last one on. A response that is alone in its group gets 0 there.
    scale: "none", "group_std" or "batch_std": s is 1 or max(deviation, floor) over all segments of the group or batch, of what
        they are paid with the mean as a baseline, or of what is to go (in a mixture lam of the one and 1 - lam of the other).
        The deviation of the totals would not do: where all responses earn the same, their segments still differ, and would be
        divided by next to nothing.
    rewards: [B], R_i, where credits do not add up to it, as leave-one-out credits do not; by default their sum. What is
        missing is shared evenly by own credit, and paid at the end of the response by rules that accumulate. Without rewards
        the law holds for the sums: leave-one-out credits add up to less in a longer response that repeats itself.
    lengths: [B], of responses in tokens, for baselines weighed by length.

    Returns B arrays [S_i]. Cost O(B max S). Raises InputError for unknown rules, a baseline that sees the own response under a
    rule that accumulates, and as `advantages`. Source: docs/theory.md, section 10.

    >>> from shapley_credit.credit.rules import segment_advantages
    >>> [row.tolist() for row in segment_advantages([[4.0, 0.0], [2.0]], ["p", "p"], scale="none")]
    [[2.5, -1.5], [-1.0]]
    >>> [row.tolist() for row in segment_advantages([[4.0, 0.0], [2.0]], ["p", "p"], rule="to_go", scale="none")]
    [[2.0, -2.0], [-2.0]]
    """
    kind = Rule(rule, lam, baseline, scale, floor)
    own, ahead = parts_of(kind, credit, marginal, groups, rewards=rewards, lengths=lengths)
    if ahead is None:
        assert own is not None
        return own.rows()
    later = ahead.accumulated()
    if own is None:
        return later.rows()
    agree(own.table.sizes, later.table.sizes, "credit", "credits but {} marginals")
    return later._replace(matrix=own.matrix + later.matrix).rows()


@dataclass(frozen=True)
class Increments:
    """What a rule gives at the segments of B responses, ragged [B][S_i]; None for a part that it does not have.

    Attributes:
        own: for every token of the segment.
        to_go: for every token up to the last one of the segment.
    """

    own: list[Any] | None
    to_go: list[Any] | None

    def tokens(
        self,
        mask: Any,
        segment_lengths: Any,
        segment_order: Any = None,
        *,
        spread: str,
        marginal_lengths: Any = None,
        cu_seqlens: Any = None,
    ) -> Any:
        """Advantages of tokens in the layout of the mask, as `token_advantages`.

        spread: of the own part. marginal_lengths: ragged, trainable tokens of the segments of the part to go, where they are
            others.
        """
        own = {"segment_lengths": segment_lengths, "segment_order": segment_order, "spread": spread}
        later = {"segment_lengths": marginal_lengths} if marginal_lengths is not None else own
        parts = [
            token_advantages(None, mask, segment_credit=credit, cu_seqlens=cu_seqlens, **how)
            for credit, how in ((self.own, own), (self.to_go, later | {"spread": "reward_to_go"}))
            if credit is not None
        ]
        return added(*parts)


def added(first: Any, *others: Any) -> Any:
    """The sum of advantages of tokens, each in the layout of one mask."""
    for each in others:
        first = [a + b for a, b in zip(first, each, strict=True)] if isinstance(first, list) else first + each
    return first


def increments(
    rule: Rule,
    credit: Any,
    marginal: Any,
    groups: Any,
    *,
    rewards: Any = None,
    lengths: Any = None,
    times: Any = None,
    ends: Any = None,
) -> Increments:
    """What a rule gives at each segment before reward to go adds it up.

    credit, marginal, groups, rewards, lengths: as in `segment_advantages`; the rows of credit and marginal may differ in
        length.
    times: [B], own credits and their baselines are multiplied by it; then sum_j A_ij / times_i is (R_i - b_i) / s.
    ends: ragged [B][S_i], where in the text each segment to go ends, as `ends_of` says; by default in the order of the rows.
    """
    own, ahead = parts_of(rule, credit, marginal, groups, rewards=rewards, lengths=lengths, times=times, ends=ends)
    return Increments(own and own.rows(), ahead and ahead.rows())


def rule_tokens(
    mask: Any,
    credit: Any,
    groups: Any,
    *,
    segment_lengths: Any,
    segment_order: Any = None,
    rule: str = "own",
    marginal: Any = None,
    marginal_lengths: Any = None,
    lam: float = 0.0,
    baseline: str | None = None,
    scale: str = "group_std",
    rewards: Any = None,
    spread: str = "segment",
    cu_seqlens: Any = None,
) -> Any:
    """Advantages of tokens by a rule of credit: what methods and adapters share.

    mask, segment_lengths, segment_order, cu_seqlens: as in `token_advantages`; the others as in `segment_advantages`.
    marginal_lengths: ragged, tokens of the segments of marginal, in text order, where they are not those of credit.
    spread: of own credit, "segment" or "token". What is to go reaches every token up to the last one of its segment, and the
        first token of the next: that token is the choice to end the segment, and a baseline must not know what was chosen.

    Returns float32 in the layout of mask. Cost O(tokens + B max S). Raises InputError as the functions named, and for marginal
    credit of a segment in several stretches: what it is worth at the first is not known there.

    >>> import numpy as np
    >>> from shapley_credit.credit.rules import rule_tokens
    >>> rule_tokens(np.ones((2, 3)), [[4.0, 0.0], [2.0]], 2, segment_lengths=[[1, 2], [3]], rule="to_go", scale="none")
    array([[ 2.,  2., -2.],
           [-2., -2., -2.]], dtype=float32)
    """
    found, text = increments_of_text(
        check_spread(Rule(rule, lam, baseline, scale), spread),
        credit,
        marginal,
        groups,
        segment_lengths=segment_lengths,
        segment_order=segment_order,
        marginal_lengths=marginal_lengths,
        rewards=rewards,
    )
    return found.tokens(mask, **text, spread=spread, cu_seqlens=cu_seqlens)


def increments_of_text(
    rule: Rule,
    credit: Any,
    marginal: Any,
    groups: Any,
    *,
    segment_lengths: Any,
    segment_order: Any = None,
    marginal_lengths: Any = None,
    rewards: Any = None,
) -> tuple[Increments, dict[str, Any]]:
    """What `rule_tokens` writes to tokens, and by name where it goes; the parameters are those of `rule_tokens`."""
    ends = None
    if rule.name == "marginal" and segment_order is not None and marginal_lengths is None:
        marginal, marginal_lengths = in_text_order(marginal, segment_lengths, segment_order)
    if rule.name == "to_go":
        ends = ends_of(credit, segment_lengths, segment_order)
    trained = trained_tokens(rule.baseline, segment_lengths)
    found = increments(rule, credit, marginal, groups, rewards=rewards, lengths=trained, ends=ends)
    text = {"segment_lengths": segment_lengths, "segment_order": segment_order, "marginal_lengths": marginal_lengths}
    return found, text


def check_spread(rule: Rule, spread: str) -> Rule:
    """The rule, or InputError for a spread of own credit that does not exist, or that the rule has no use for."""
    one_of(spread, OWN_SPREADS, "spread", ", rewards to go are the rule to_go")
    if not rule.share and spread != "segment":
        raise InputError(f"spread={spread!r} shares own credit among the tokens of a segment; rule {rule.name!r} has none.")
    return rule
