"""Every entrance for data and options of a caller, as a function of one argument, the others being good."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import shapley_credit as sc
from shapley_credit import utilities as u
from shapley_credit.credit import segments
from shapley_credit.credit.rules import rule_tokens, segment_advantages
from shapley_credit.methods import gapo, ospo, shape_grpo, windows

Entrance = Callable[[Any], Any]

FOUR = np.ones((4, 2))
PARTS = segments.segment("ab cd", segments.matching("ab|cd"))
PLACES = [(0, 2), (2, 3), (3, 4), (4, 5)]
SCORES = u.Max([1.0, 2.0, 3.0, 4.0])


def shape(**change: Any) -> Any:
    good: dict[str, Any] = {
        "rewards": [[1.0, 2.0, 3.0, 4.0]],
        "mask": [[1] * 4],
        "candidates": [[0, 1, 2, 3]],
        "lengths": [[1] * 4],
        "groups": 1,
    }
    return shape_grpo.shape_grpo(**(good | change))


def ospo_of(**change: Any) -> Any:
    good: dict[str, Any] = {"texts": [PARTS], "reward": len, "mask": [[1] * 4], "offsets": [PLACES], "groups": 1}
    return ospo.ospo(**(good | change))


def tokens_of(**change: Any) -> Any:
    good: dict[str, Any] = {
        "completion_credit": None,
        "mask": FOUR,
        "segment_credit": [[1.0]] * 4,
        "segment_lengths": [[2]] * 4,
    }
    return sc.token_advantages(**(good | change))


def rule_of(**change: Any) -> Any:
    good: dict[str, Any] = {"mask": FOUR, "credit": [[1.0]] * 4, "groups": 4, "segment_lengths": [[2]] * 4}
    return rule_tokens(**(good | change))


# Of numbers: what is none is refused.
NUMBERS: dict[str, Entrance] = {
    "set_shapley": lambda x: sc.set_shapley(u.Max(x)),
    "base": lambda x: sc.set_shapley(u.Max([1.0, 2.0], 0.0 if x is None else x)),
    "set_semivalue": lambda x: sc.set_semivalue(u.Max(x), sc.semivalues.banzhaf),
    "weights of sizes": lambda x: sc.set_semivalue(SCORES, x),
    "order": lambda x: sc.marginal_vector(SCORES, order=x),
    "value": lambda x: SCORES.value(x),
    "solve": lambda x: sc.plan(2).solve(x),
    "credit": lambda x: sc.advantages(x, 2),
    "credits": lambda x: sc.advantages(x, 2, scale="decoupled"),
    "weights": lambda x: sc.advantages([[1.0, 2.0], [2.0, 3.0]], 2, scale="decoupled", weights=x),
    "lengths": lambda x: sc.advantages([1.0] * 4, 4, baseline="length_weighted", lengths=x),
    "without": lambda x: sc.advantages([1.0] * 4, 4, baseline="set_leave_one_out", without=x),
    "floor": lambda x: sc.advantages([1.0] * 4, 4, scale="group_std", floor=x),
    "completion_credit": lambda x: sc.token_advantages(x, FOUR),
    "mask": lambda x: sc.token_advantages([1.0] * 4, x),
    "cu_seqlens": lambda x: sc.token_advantages([1.0] * 3, np.ones(6), cu_seqlens=x),
    "segment_credit": lambda x: tokens_of(segment_credit=x),
    "row of segment_credit": lambda x: tokens_of(segment_credit=[x, [1.0], [1.0], [1.0]]),
    "segment_lengths": lambda x: tokens_of(segment_lengths=x),
    "row of segment_lengths": lambda x: tokens_of(segment_lengths=[x, [2], [2], [2]]),
    "segment_order": lambda x: tokens_of(segment_order=x),
    "row of segment_order": lambda x: tokens_of(segment_order=[x, [0], [0], [0]]),
    "floor of tokens": lambda x: sc.token_advantages([1.0] * 4, FOUR, groups=4, scale="group_std", floor=x),
    "values": lambda x: sc.scatter_credit(x, np.ones((4, 1))),
    "row of values": lambda x: sc.scatter_credit([x], np.ones((1, 4))),
    "row of mask": lambda x: sc.scatter_credit([[1.0] * 4], [x]),
    "credit of segments": lambda x: segment_advantages(x, 2),
    "row of credit": lambda x: segment_advantages([x, [1.0]], 2),
    "lam": lambda x: segment_advantages([[1.0], [2.0]], 2, rule="marginal", marginal=[[1.0], [2.0]], lam=x),
    "marginal": lambda x: segment_advantages([[1.0]], 1, rule="marginal", marginal=x, lam=0.5),
    "rewards": lambda x: segment_advantages([[1.0]] * 4, 2, rewards=x),
    "lengths of responses": lambda x: segment_advantages([[1.0]] * 4, 4, baseline="length_weighted", lengths=x),
    "lengths by rule": lambda x: rule_of(segment_lengths=x, baseline="length_weighted"),
    "order by rule": lambda x: rule_of(segment_order=x, rule="to_go"),
    "order of marginal": lambda x: rule_of(segment_order=x, rule="marginal", marginal=[[1.0]] * 4, credit=None),
    "marginal by rule": lambda x: rule_of(segment_order=[[0]] * 4, rule="marginal", marginal=x, credit=None),
    "marginal_lengths": lambda x: rule_of(rule="marginal", marginal=[[1.0]] * 4, credit=None, marginal_lengths=x),
    "offsets": lambda x: PARTS.stretches(x),
    "mask of offsets": lambda x: PARTS.stretches(PLACES, x),
    "start": lambda x: PARTS.stretches(PLACES, start=x),
    "spans of a splitter": lambda x: segments.segment("ab", lambda text: x),
    "mask of ospo": lambda x: ospo_of(mask=x),
    "row of a mask of ospo": lambda x: ospo_of(mask=[x]),
    "offsets of ospo": lambda x: ospo_of(offsets=x),
    "row of offsets of ospo": lambda x: ospo_of(offsets=[x]),
    "budget": lambda x: ospo.segment_credit([PARTS], len, budget=x),
    "seed": lambda x: ospo.segment_credit([PARTS], len, seed=x),
    "shape_credit": shape_grpo.shape_credit,
    "published_credit": shape_grpo.published_credit,
    "base of candidates": lambda x: shape_grpo.shape_credit([1.0, 2.0], x),
    "present": lambda x: shape_grpo.shape_credit([1.0, 2.0, 3.0, 4.0], present=x),
    "present, mean": lambda x: shape_grpo.shape_credit([1.0, 2.0, 3.0, 4.0], present=x, scale="mean"),
    "candidates of marginal": lambda x: shape_grpo.marginal_credit([[1.0, 2.0, 3.0, 4.0, 5.0]], x),
    "row of candidates": lambda x: shape_grpo.marginal_credit([[1.0, 2.0, 3.0, 4.0, 5.0]], [x]),
    "present of marginal": lambda x: shape_grpo.marginal_credit([[1.0] * 4], [[0]], present=x),
    "lengths of marginal": lambda x: shape_grpo.marginal_credit([[1.0] * 4], [[0, 1, 2, 3]], lengths=x),
    "rewards of shape": lambda x: shape(rewards=x),
    "mask of shape": lambda x: shape(mask=x),
    "candidates of shape": lambda x: shape(candidates=x),
    "row of candidates of shape": lambda x: shape(candidates=[x]),
    "lengths of shape": lambda x: shape(lengths=x),
    "row of lengths of shape": lambda x: shape(lengths=[x]),
    "present of shape": lambda x: shape(present=x),
    "row of present of shape": lambda x: shape(present=[x]),
    "base of shape": lambda x: shape(base=x),
    "cu_seqlens of shape": lambda x: shape(mask=[1] * 4, cu_seqlens=x),
    "windows": windows.windows,
    "width": lambda x: windows.windows(4, x),
    "limit": lambda x: windows.windows(4, 8, x),
    "seed of windows": lambda x: windows.windows(9, 8, 5, x),
    "coalitions": lambda x: windows.window_credit(x, [1.0, 2.0, 3.0, 4.0]),
    "values of windows": lambda x: windows.window_credit(np.array([[0, 0], [1, 0], [0, 1], [1, 1]], bool), x),
    "credit of windows": lambda x: windows.window_rewards(x, [(0, 1)] * 4, [(0, 1)], 1.0),
    "phrases of windows": lambda x: windows.window_rewards([1.0] * 4, x, [(0, 1)], 1.0),
    "tokens": lambda x: windows.window_rewards([1.0, 2.0], [(0, 1), (1, 2)], x, 1.0),
    "reward": lambda x: windows.window_rewards([1.0, 2.0], [(0, 1), (1, 2)], [(0, 1), (1, 2)], x),
    "token_rewards": lambda x: windows.window_advantages(x, 1.0),
    "advantage": lambda x: windows.window_advantages([1.0, 2.0], x),
    "clip": lambda x: windows.window_advantages([1.0, 2.0], 1.0, clip=x),
    "tol": lambda x: sc.estimate(lambda members: 0.0, 25, budget=400, tol=x),
    "level": lambda x: sc.plan(2).solve([0.0] * 4).interval(x),
}
# Of names, texts and lists of them: what is none is refused, whatever it is.
OPTIONS: dict[str, Entrance] = {
    "baseline": lambda x: sc.advantages([1.0] * 4, 4, baseline=x),
    "scale": lambda x: sc.advantages([1.0] * 4, 4, scale=x),
    "spread": lambda x: sc.token_advantages([1.0], np.ones((1, 2)), spread=x),
    "baseline of tokens": lambda x: sc.token_advantages([1.0] * 4, FOUR, groups=4, baseline=x or "?" if x is None else x),
    "scale of tokens": lambda x: sc.token_advantages([1.0] * 4, FOUR, groups=4, scale=x),
    "scale without groups": lambda x: sc.token_advantages([1.0] * 4, FOUR, scale=x),
    "rule": lambda x: segment_advantages([[1.0], [2.0]], 2, rule=x),
    "scale of segments": lambda x: segment_advantages([[1.0], [2.0]], 2, scale=x),
    "spread by rule": lambda x: rule_of(spread=x),
    "credit of ospo": lambda x: ospo_of(credit=x),
    "texts": lambda x: ospo_of(texts=x),
    "texts of segment_credit": lambda x: ospo.segment_credit(x, len),
    "texts of segment_marginals": lambda x: ospo.segment_marginals(x, len),
    "method": lambda x: ospo.segment_credit([PARTS], len, budget=3, method=x),
    "scale of shape_credit": lambda x: shape_grpo.shape_credit([1.0, 2.0], scale=x),
    "value of shape_credit": lambda x: shape_grpo.shape_credit([1.0, 2.0], value=x),
    "credit of shape": lambda x: shape(credit=x),
    "divide": lambda x: shape(divide=x),
    "spread of shape": lambda x: shape(spread=x),
    "mode": lambda x: windows.window_advantages([1.0, 2.0], 1.0, mode=x),
}
TEXTS: dict[str, Entrance] = {
    "segment": lambda x: segments.segment(x, segments.words),
    "paragraphs": segments.paragraphs,
    "sentences": lambda x: segments.sentences("en")(x),
    "language": lambda x: segments.sentences(x)("a"),
    "phrases": lambda x: segments.phrases("and")(x),
    "conjunction": lambda x: segments.phrases(x)("a"),
    "words": segments.words,
    "numbered": segments.numbered,
    "json_array": segments.json_array,
    "tag": lambda x: segments.tagged(x)("a"),
    "tagged": lambda x: segments.tagged("a")(x),
    "pattern": lambda x: segments.matching(x)("a"),
    "group": lambda x: segments.matching("(?P<a>a)", x)("a"),
    "matching": lambda x: segments.matching("a")(x),
}
# Of anything at all, or of a function of the caller's: read or refused.
ANYTHING: dict[str, Entrance] = {
    "groups": lambda x: sc.advantages([1.0] * 4, x),
    "groups of segments": lambda x: segment_advantages([[1.0]] * 4, x),
    "groups of shape": lambda x: shape(groups=x),
    "groups of ospo": lambda x: ospo_of(groups=x),
    "baseline, or none": lambda x: segment_advantages([[1.0], [2.0]], 2, baseline=x),
    "baseline to go, or none": lambda x: segment_advantages([[1.0], [2.0]], 2, rule="to_go", baseline=x),
    "render": PARTS.render,
    "labels": gapo.diversity_credit,
    "frequency": lambda x: gapo.frequency_reward(x, 4),
    "labels_of": gapo.labels_of,
    "answer of a key": lambda x: gapo.labels_of(["a", "b", "c", "d"], key=lambda answers: x),
    "answer of valid": lambda x: gapo.diversity_credit(["a", "b"], valid=lambda answer: x),
    "answer of a utility": lambda x: sc.set_shapley(lambda members: x, 2),
    "answers of a utility": lambda x: sc.set_shapley(sc.batched(lambda members: x), 2),
    "reward of ospo": lambda x: ospo_of(reward=lambda text: x, retries=0),
}
ALL = {**NUMBERS, **OPTIONS, **TEXTS, **ANYTHING}


def outcome(entrance: Entrance, odd: Any) -> Any:
    """What comes back, None for what is refused; any error but the library's own comes through."""
    try:
        return entrance(odd)
    except (sc.InputError, sc.EvaluationError):
        return None
