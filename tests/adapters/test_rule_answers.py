"""What a rule may say of segments in several stretches and of text of none, against the methods that know both."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from shapley_credit import InputError
from shapley_credit.adapters.scoring import BEST, ENTROPY, RESIDUAL, credit_figures
from shapley_credit.adapters.segment_pay import pay_segments, tokens_of
from shapley_credit.credit import segments
from shapley_credit.credit.completions import segment_completions
from shapley_credit.credit.rules import rule_tokens
from shapley_credit.methods import ospo, shape_grpo

NAN = float("nan")
KINDS = [("own", 0.0), ("to_go", 0.0), ("marginal", 0.0), ("marginal", 0.25)]
KIND = pytest.mark.parametrize(("kind", "lam"), KINDS)
SCALES = st.sampled_from(["none", "group_std"])


def padded(rows: list[list[int]]) -> Any:
    width = max(1, *map(len, rows))
    return np.array([[*row, *[0] * (width - len(row))] for row in rows])


def paid(answer: Any, masks: list[list[int]], rewards: list[float], scale: str, kind: str, lam: float, spread: str) -> Any:
    return tokens_of(pay_segments(answer, masks, rewards, scale, kind, lam)[0], padded(masks), spread)


def spreads(kind: str, lam: float) -> st.SearchStrategy[str]:
    return st.sampled_from(["segment", "token"] if kind == "own" or lam else ["segment"])


# Candidates, and text around them that belongs to none: methods.shape_grpo.


@st.composite
def lists(draw: st.DrawFn, pieces: int) -> dict[str, Any]:
    """Responses of 0 .. 4 candidates, each in up to so many pieces, some of them cut off, with text of none anywhere."""
    n = draw(st.integers(2, 5))
    rewards = [draw(st.lists(st.integers(0, 8).map(lambda x: x / 8), max_size=4)) for _ in range(n)]
    order, lengths = [], []
    for row in rewards:
        names = [name for name in range(len(row)) for _ in range(draw(st.integers(1, pieces)))]
        names += [-1] * draw(st.integers(0, 3))
        order.append(list(draw(st.permutations(names))))
        cut = draw(st.integers(0, len(names))) if draw(st.booleans()) else len(names)
        lengths.append([draw(st.integers(1, 3)) if place < cut else 0 for place in range(len(names))])
    return {"rewards": rewards, "order": order, "lengths": lengths}


def published(case: dict[str, Any], kind: str, lam: float, scale: str, spread: str) -> tuple[Any, dict[str, Any]]:
    """The tokens of shape_grpo, and what a rule would say to get them."""
    width = max(1, *map(len, case["rewards"]))
    matrix, here = (np.zeros((len(case["rewards"]), width), kind_) for kind_ in (float, bool))
    for i, row in enumerate(case["rewards"]):
        matrix[i, : len(row)], here[i, : len(row)] = row, True
    text = {"candidates": case["order"], "lengths": case["lengths"]}
    mask = padded([[1] * sum(row) for row in case["lengths"]])
    divide: dict[str, Any] = {"scale": "sum", "divide": scale, "credit": kind, "lam": lam, "spread": spread}
    divide["value"] = "shapley"  # which lacks nothing; here what credits lack is paid to the text of no segment
    tokens = shape_grpo.shape_grpo(matrix, mask, groups=len(matrix), present=here, **text, **divide)
    said: dict[str, Any] = {"segment_lengths": case["lengths"], "segment_order": case["order"]}
    parts = {"segment_credit": shape_grpo.shape_credit(matrix, present=here)} if kind != "marginal" or lam else {}
    if kind == "marginal":
        parts["segment_marginal"] = shape_grpo.marginal_credit(matrix, case["order"], present=here, lengths=case["lengths"])
    rows = {name: [row[there].tolist() for row, there in zip(part, here, strict=True)] for name, part in parts.items()}
    return tokens, said | rows


def best(case: dict[str, Any]) -> list[float]:
    return [max([0.0, *row]) for row in case["rewards"]]


@KIND
@settings(max_examples=40)
@given(data=st.data(), scale=SCALES)
def test_text_of_no_segment_is_paid_as_that_of_no_candidate(kind: str, lam: float, data: st.DataObject, scale: str) -> None:
    case = data.draw(lists(pieces=1 if kind == "marginal" else 3))
    # Where nobody says that there may be text of no segment, a completion without segments is absent.
    case["order"][0], case["lengths"][0] = [*case["order"][0], -1], [*case["lengths"][0], 0]
    spread = data.draw(spreads(kind, lam))
    expected, answer = published(case, kind, lam, scale, spread)
    masks = [[1] * sum(row) for row in case["lengths"]]
    assert_allclose(paid(answer, masks, best(case), scale, kind, lam, spread), expected, rtol=1e-6, atol=1e-6)


@given(case=lists(pieces=3), scale=SCALES)
def test_own_increments_add_up(case: dict[str, Any], scale: str) -> None:
    """The law, whatever text of no segment there is: (R_i - b_i) / s over the segments, with one s > 0."""
    _, answer = published(case, "own", 0.0, scale, "segment")
    answer["segment_order"][0], answer["segment_lengths"][0] = [*answer["segment_order"][0], -1], [*case["lengths"][0], 1]
    masks, earned = [[1] * sum(row) for row in answer["segment_lengths"]], np.array(best(case))
    rows, figures = pay_segments(answer, masks, best(case), scale)
    texts = zip(case["order"], case["lengths"], strict=True)
    written = [any(tokens and owner >= 0 for owner, tokens in zip(*text, strict=True)) for text in texts]
    sums = np.array([math.fsum(row.own[:-1]) for row in rows])[written]
    centred = (earned - earned.mean())[written]
    assert_allclose(sums * np.abs(centred).sum(), centred * np.abs(sums).sum(), atol=1e-6)
    assert (sums * centred >= 0).all()
    if scale == "none":
        assert_allclose(sums, centred, atol=1e-9)
    whole = sc.advantages(earned, len(earned), scale=scale)
    for row, mine in zip(rows, whole, strict=True):
        outside = any(n and owner == len(row.own) - 1 for n, owner in zip(row.lengths, row.order, strict=True))
        assert row.own[-1] == pytest.approx(mine * outside)
    assert [found[RESIDUAL] for found in figures] == pytest.approx([0.0] * len(earned), abs=1e-9)


@pytest.mark.parametrize("kind", ["to_go", "marginal"])
@given(data=st.data())
def test_increments_to_go_add_up(kind: str, data: st.DataObject) -> None:
    """Over all segments, those of the text between them included, R_i less the mean of the others."""
    case = data.draw(lists(pieces=1))
    case["order"], case["lengths"] = [[*row, -1] for row in case["order"]], [[*row, 1] for row in case["lengths"]]
    _, answer = published(case, kind, 0.0, "none", "segment")
    masks, earned = [[1] * sum(row) for row in case["lengths"]], np.array(best(case))
    rows, _ = pay_segments(answer, masks, best(case), "none", kind)
    below = (earned.sum() - earned) / (len(earned) - 1)
    assert_allclose([math.fsum(row.to_go) for row in rows], earned - below, atol=1e-9)
    if kind == "marginal":
        tokens = tokens_of(rows, padded(masks), "segment")
        assert_allclose(tokens[:, 0], earned - below, atol=1e-6)


# Text in segments, with glue of its own credit: methods.ospo.

LETTERS = SimpleNamespace(decode=lambda ids, skip_special_tokens: "".join(map(chr, ids)))
TEXTS = st.lists(st.sampled_from(["ab ", "c. ", "d", "\n", " - ", "ef.", "aa "]), max_size=6).map("".join)


def worth(text: str) -> float:
    return len(set(text)) / 4 + (text[:1] == "a") - 0.5 * text.count("c") * text.count("d")


@KIND
@given(data=st.data(), scale=SCALES)
def test_segments_with_glue_are_paid_as_by_ospo_to_the_last_bit(kind: str, lam: float, data: st.DataObject, scale: str) -> None:
    texts = data.draw(st.lists(TEXTS, min_size=2, max_size=4))
    spread = data.draw(spreads(kind, lam))
    ids = [[*map(ord, text)] for text in texts]
    masks = [data.draw(st.lists(st.integers(0, 1), min_size=len(row), max_size=len(row))) for row in ids]
    done = segment_completions(ids, masks, LETTERS, segments.paragraphs, segments.matching(r"\w+"))
    width = max(1, *map(len, ids))
    offsets = [np.concatenate([table, np.zeros((width - len(table), 2), int)]) for table in done.offsets]
    mask = np.array([[*row, *[0] * (width - len(row))] for row in masks], int).reshape(len(ids), -1)
    given_: dict[str, Any] = {"groups": len(ids), "credit": kind, "lam": lam, "scale": scale, "spread": spread}
    expected = ospo.ospo(done.texts, worth, mask, offsets, **given_)
    answer: dict[str, Any] = {"segment_lengths": done.segment_lengths, "segment_order": done.segment_order}
    if kind != "marginal" or lam:
        answer["segment_credit"] = [found.values for found in ospo.segment_credit(done.texts, worth).estimates]
    if kind == "marginal":
        grown = ospo.segment_marginals(done.texts, worth)
        answer["segment_marginal"] = grown.values
        answer["marginal_lengths"] = done.tokens(grown.steps)
    if not lam and kind == "marginal":
        answer = {"segment_marginal": answer["segment_marginal"], "segment_lengths": answer["marginal_lengths"]}
    rows, figures = pay_segments(answer, masks, [worth(text) - worth("") for text in texts], scale, kind, lam)
    assert_array_equal(tokens_of(rows, mask, spread), expected)
    assert [found[RESIDUAL] for found in figures] == pytest.approx([0.0] * len(texts), abs=1e-9)


# Absence.


@KIND
@given(data=st.data(), scale=SCALES)
def test_stretches_and_absent_segments_are_those_of_rule_tokens(kind: str, lam: float, data: st.DataObject, scale: str) -> None:
    """NaN among credits: 0 of own credit, and what is to go from there on. Credits and marginals that do not add up alike."""
    n = data.draw(st.integers(1, 4))
    rows = [data.draw(st.lists(st.sampled_from([NAN, -1.0, 0.5, 2.0]), min_size=1, max_size=4)) for _ in range(n)]
    order = [data.draw(st.lists(st.integers(0, len(row) - 1), max_size=5, unique=kind == "marginal")) for row in rows]
    lengths = [data.draw(st.lists(st.integers(0, 3), min_size=len(row), max_size=len(row))) for row in order]
    masks = [[1] * sum(row) for row in lengths]
    answer: dict[str, Any] = {"segment_lengths": lengths, "segment_order": order}
    answer |= {"segment_credit": rows} if kind != "marginal" or lam else {}
    answer |= {"segment_marginal": [[1.0 - value for value in row] for row in rows]} if kind == "marginal" else {}
    expected = rule_tokens(
        padded(masks),
        answer.get("segment_credit"),
        n,
        marginal=answer.get("segment_marginal"),
        segment_lengths=lengths,
        segment_order=order,
        rule=kind,
        lam=lam,
        scale=scale,
    )
    assert_array_equal(paid(answer, masks, [1.0] * n, scale, kind, lam, "segment"), expected)


@KIND
def test_who_is_absent_moves_no_baseline(kind: str, lam: float) -> None:
    """A completion without a reward, whether it has segments or not, and one whose segments are all absent."""
    name = "segment_marginal" if kind == "marginal" else "segment_credit"
    parts = (name, "segment_credit") if lam else (name,)

    def of(*rows: list[float]) -> Any:
        order = [[*range(len(row)), -1] for row in rows]
        said: dict[str, Any] = {"segment_lengths": [[1] * len(row) for row in order], "segment_order": order}
        masks, rewards = [[1] * len(row) for row in order], [1.0, 4.0, *[NAN] * (len(rows) - 2)]
        return paid(said | {part: list(rows) for part in parts}, masks, rewards, "none", kind, lam, "segment")

    two = of([1.0], [3.0, 1.0])
    assert two[1].any()
    assert_array_equal(of([1.0], [3.0, 1.0], [], [7.0, 7.0])[:2], two)
    alone = of([NAN], [3.0, 1.0])
    assert_array_equal(alone[1, :2], [1.0, -1.0] if kind == "own" else [0.0, 0.0])


def test_credits_that_a_rule_does_not_read_change_nothing() -> None:
    rows, figures = pay_segments(([[9.0, 9.0]], [[1, 2]], [[1.0, 2.0]]), [[1] * 3], [3.0], "none", "marginal")
    plain = pay_segments((None, [[1, 2]], [[1.0, 2.0]]), [[1] * 3], [3.0], "none", "marginal")
    assert [row.to_go.tolist() for row in rows] == [row.to_go.tolist() for row in plain[0]]
    assert figures == plain[1] == [credit_figures([1.0, 2.0], 3.0)]


@KIND
def test_completions_that_are_truncated_or_not_scored(kind: str, lam: float) -> None:
    """Masked by the trainer: no token left in any stretch. Without a reward: no member of the group."""
    rows = [[1.0, 3.0], [2.0, 0.0], [5.0, 1.0], []]
    order, lengths = [[-1, 1, -1, 0], [0, -1, 1], [0, 1, -1], [-1]], [[1, 2, 1, 1], [1, 1, 1], [1, 1, 2], [3]]
    answer: dict[str, Any] = {"segment_lengths": lengths, "segment_order": order}
    answer |= {"segment_credit": rows} if kind != "marginal" or lam else {}
    answer |= {"segment_marginal": rows} if kind == "marginal" else {}
    masks = [[1] * 5, [0] * 3, [1] * 4, [1] * 3]
    rewards = [4.0, 2.0, NAN, 1.0]
    tokens = paid(answer, masks, rewards, "none", kind, lam, "segment")
    assert not tokens[1].any()
    assert not tokens[2].any()
    # The truncated one counts in the baselines: totals 4, 2 and 0 of three responses.
    rewards_alone = [4.0, NAN, NAN, 1.0]
    assert (tokens != paid(answer, masks, rewards_alone, "none", kind, lam, "segment")).any()
    if kind == "own":  # segments 1 - 2 / 2 and 3 - 2 / 2; text around them and of none at all 4 - 7 / 3 and 1 - 7 / 3
        assert_allclose(tokens[0, :5], [5 / 3, 2, 2, 5 / 3, 0], rtol=1e-6)
        assert_allclose(tokens[3, :3], [-4 / 3] * 3, rtol=1e-6)
    if kind == "to_go":  # less 1, the mean of 2 and 0, at the first decision, and less what the others have left at the second
        assert_allclose(tokens[0, :5], [3, 3, 3, 3, 1], rtol=1e-6)
        assert_allclose(tokens[3, :3], [-3] * 3, rtol=1e-6)


def test_figures_leave_out_the_absent() -> None:
    assert credit_figures([3.0, NAN, 1.0], 4.0) == credit_figures([3.0, 1.0], 4.0)
    assert credit_figures([NAN, 5.0], 5.0) == {RESIDUAL: 0.0, BEST: 1.0}
    assert credit_figures([NAN], 2.0) == credit_figures([], 2.0) == {RESIDUAL: 2.0}
    answer = {"segment_credit": [[NAN, 2.0, 2.0]], "segment_lengths": [[1, 1, 1]]}
    (figures,) = pay_segments(answer, [[1] * 3], [4.0], "none")[1]
    assert figures == {RESIDUAL: 0.0, BEST: 0.5, ENTROPY: pytest.approx(1.0)}


# What can't be right.

ONE: dict[str, Any] = {"segment_credit": [[1.0, 2.0]], "segment_lengths": [[1, 1]], "segment_order": [[0, 1]]}
GROWN: dict[str, Any] = {"segment_marginal": [[1.0, 2.0]], "segment_lengths": [[1, 1]]}
BAD: dict[str, tuple[Any, str, float, str]] = {
    "a name that nobody reads": (ONE | {"order": [[0]]}, "own", 0.0, r"dict of these and segment_order, .*order of 1 rows"),
    "no lengths": ({"segment_credit": [[1.0]]}, "own", 0.0, r"a rule returns \(segment_credit, segment_lengths\)"),
    "no marginals": (ONE, "marginal", 0.0, r"segment_marginal\), or a dict .*\(segment_credit may be None\)"),
    "marginals of own credit": (ONE | GROWN, "own", 0.0, "got .*segment_marginal of 1 rows"),
    "lengths of marginals that are the only ones": (GROWN | {"marginal_lengths": [[2]]}, "marginal", 0.0, "a rule returns"),
    "rows": (ONE | {"segment_order": [[0, 1]] * 2}, "own", 0.0, "each with 1 rows; got .*segment_order of 2 rows"),
    "a number": (ONE | {"segment_order": 3}, "own", 0.0, "segment_order of None rows"),
    "numbers": (ONE | {"segment_order": [3]}, "own", 0.0, "row 0 of segment_order must be numbers in a row; got 3"),
    "an order of others": (ONE | {"segment_order": [[0]]}, "own", 0.0, "row 0 of segment_order has 1 entries but 2"),
    "a segment that is not there": (ONE | {"segment_order": [[0, 2]]}, "to_go", 0.0, "names segment 2; there are 2"),
    "less than none": (ONE | {"segment_order": [[-2, 0]]}, "own", 0.0, "names segment -2; there are 2"),
    "floats": (ONE | {"segment_order": [[0.0, 1.0]]}, "own", 0.0, "segment_order must be integers"),
    "None": (ONE | {"segment_order": [[0, None]]}, "own", 0.0, r"segment_order must hold real numbers; found None at \[0, 1\]"),
    "marginals in pieces": (
        {"segment_marginal": [[1.0, 2.0]], "segment_lengths": [[1, 1, 1]], "segment_order": [[0, 1, 0]]},
        "marginal",
        0.0,
        r"segments of one stretch each.*segments \[0, 1, 0\]",
    ),
    "an infinite credit": (ONE | {"segment_credit": [[float("inf")] * 2]}, "own", 0.0, "credit must be finite"),
    "an infinite credit beside text of none": (
        ONE | {"segment_credit": [[float("inf")] * 2], "segment_order": [[0, -1]]},
        "to_go",
        0.0,
        "credit must be finite",
    ),
    "too few marginals": (ONE | GROWN | {"segment_marginal": [[1.0]]}, "marginal", 0.5, "names segment 1; there are 1"),
}


@pytest.mark.parametrize(("answer", "kind", "lam", "match"), BAD.values(), ids=list(BAD))
def test_bad_answers(answer: Any, kind: str, lam: float, match: str) -> None:
    with pytest.raises(InputError, match=match):
        pay_segments(answer, [[1, 1]], [3.0], "none", kind, lam)


def test_tokens_that_no_stretch_has_are_refused() -> None:
    rows, _ = pay_segments(ONE | {"segment_order": [[0, -1]]}, [[1, 1, 1]], [3.0], "none")
    with pytest.raises(InputError, match="row 0 of segment_lengths has 2 tokens in all, but 3 trainable tokens in the mask"):
        tokens_of(rows, np.ones((1, 3)), "segment")
