"""GAPO: the published reward, the set utilities behind it, which answers are valid, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from shapley_credit.errors import InputError
from shapley_credit.methods import gapo

from diversity import credit_by_definition, many, noting, objects, worth

NAN = float("nan")


def test_frequency_reward_as_published() -> None:
    reward = gapo.frequency_reward([0, 0, 0, 1, 1, 2, 9], 4, valid=[1, 1, 1, 1, 1, 1, 0])
    assert_allclose(reward, [0.75, 0.75, 0.75, 11 / 12, 11 / 12, 13 / 12, -1], rtol=1e-15)


@pytest.mark.parametrize("labels", [(0, 0, 1, 2), (3, 3, 3, 3), (0, 1, 2, 3)])
@pytest.mark.parametrize("valid", [(1, 1, 1, 1), (1, 0, 1, 1), (0, 0, 0, 0)])
def test_frequency_utility_is_the_sum_of_the_published_rewards(labels: tuple[int, ...], valid: tuple[int, ...]) -> None:
    utility = gapo.diversity_utility(labels, utility="frequency", options=5, valid=valid)
    for chosen in product((False, True), repeat=4):
        kept = np.flatnonzero(chosen)
        rewards = gapo.frequency_reward(np.array(labels)[kept], 5, valid=np.array(valid)[kept])
        assert_allclose(utility.value(kept), rewards.sum(), atol=1e-14)


@pytest.mark.parametrize("name", gapo.DIVERSITIES)
def test_diversity_credit_is_shapley_of_the_utility(name: str) -> None:
    labels, valid = [0, 0, 1, 2, 5], [1, 1, 1, 0, 1]
    utility = gapo.diversity_utility(labels, utility=name, options=3, valid=valid)
    expected = sc.set_shapley(lambda coalition: utility.value(list(coalition)), 5)
    assert_allclose(gapo.diversity_credit(labels, utility=name, options=3, valid=valid), expected, atol=1e-13)


def test_advantages_of_the_frequency_utility_are_those_published() -> None:
    labels = np.array([[0, 0, 0, 1, 1, 2], [0, 1, 1, 1, 1, 1]])
    ours = sc.advantages(
        gapo.diversity_credit(labels, utility="frequency", options=4).ravel(), 6, scale="group_std", floor=1e-9
    )
    theirs = sc.advantages(gapo.frequency_reward(labels, 4).ravel(), 6, scale="group_std", floor=1e-9)
    assert_allclose(ours, theirs, atol=1e-12)


@pytest.mark.parametrize("name", gapo.DIVERSITIES)
@pytest.mark.parametrize(
    "verb",
    [
        sc.connected_shapley,
        sc.marginal_vector,
        lambda *game: sc.set_semivalue(game[0], sc.semivalues.banzhaf, *game[1:]),
        lambda *game: sc.owen(game[0], [[0, 2], [1, 3, 4]]),
    ],
    ids=["connected", "marginal", "banzhaf", "owen"],
)
def test_invalid_answers_are_there(verb: Callable[..., Any], name: str) -> None:
    """In orders and on the line: they are null players of the diversity, and not absent."""
    labels, valid = [0, 1, 0, 2, 1], [1, 0, 1, 0, 1]
    utility = gapo.diversity_utility(labels, utility=name, options=3, valid=valid)
    assert utility.mask is None
    expected = verb(lambda coalition: utility.value(list(coalition)), 5)
    assert_allclose(verb(utility), expected, atol=1e-13)


@pytest.mark.parametrize("name", gapo.DIVERSITIES)
def test_sizes_that_invalid_answers_change(name: str) -> None:
    rule, labels = sc.semivalues.of_size(2), [0, 1, 0, 2]
    if name != "distinct":
        with pytest.raises(InputError, match="counts members by size, which absent members change"):
            sc.set_semivalue(gapo.diversity_utility(labels, utility=name, options=3, valid=[1, 1, 0, 1]), rule)
    utility = gapo.diversity_utility(labels, utility=name, options=3, valid=[1, 1, name != "distinct", 1])
    expected = sc.set_semivalue(lambda coalition: utility.value(list(coalition)), rule, 4)
    assert_allclose(sc.set_semivalue(utility, rule), expected, atol=1e-13)


def test_diversity_is_a_term_beside_others() -> None:
    labels, valid, scores = [[0, 0, 1], [2, 1, 1]], [[1, 0, 1], [1, 1, 1]], np.array([[1.0, 3.0, 2.0], [0.5, 0.25, 1.0]])
    both = gapo.diversity_utility(labels, utility="distinct", valid=valid) + 0.5 * sc.utilities.Max(scores)
    expected = [[1, -1, 1], [1, 0.5, 0.5]] + 0.5 * sc.set_shapley(sc.utilities.Max(scores))
    assert_allclose(sc.set_shapley(both), expected, rtol=1e-14)
    assert_allclose(sc.set_shapley(both[1]), expected[1], rtol=1e-14)
    with pytest.raises(InputError, match=r"member \[0\] is absent from term 2, Max, and not from term 0, DistinctCount"):
        _ = gapo.diversity_utility([0, 1], utility="distinct") + sc.utilities.Max([1.0, 2.0], mask=[0, 1])


def test_distinct_credit_is_one_over_the_copies() -> None:
    assert_allclose(gapo.diversity_credit([7, 7, 7, 8], utility="distinct"), [1 / 3, 1 / 3, 1 / 3, 1])


# Which answers are valid.

REPEATED = [0, 0, 0, 5, 6, 7]


@pytest.mark.parametrize(("name", "each"), [("entropy", 0), ("distinct", 1 / 3), ("frequency", 1 / 4)])
def test_gibberish_is_paid_less_than_the_repeated_answer_once_validity_is_known(name: str, each: float) -> None:
    expected = [each] * 3 + [-1] * 3
    assert_allclose(credit_by_definition(name, REPEATED, [label == 0 for label in REPEATED]), expected, atol=1e-14)
    for valid in ({0}.__contains__, [1, 1, 1, 0, 0, 0], np.array(REPEATED) == 0):
        assert_allclose(gapo.diversity_credit(REPEATED, utility=name, options=4, valid=valid), expected, atol=1e-14)
    assert_allclose(gapo.frequency_reward(REPEATED, 4, valid={0}.__contains__), [1 / 4] * 3 + [-1] * 3)


def test_without_validity_gibberish_is_paid_best() -> None:
    credit = gapo.diversity_credit(REPEATED)
    assert_allclose(credit, credit_by_definition("entropy", REPEATED, [True] * 6), atol=1e-14)
    assert_allclose(credit, [0.0517] * 3 + [0.3625] * 3, atol=1e-4)


ANSWERS = st.lists(st.sampled_from(["red", "blue", "green", "grey", "qwrt"]), min_size=1, max_size=5)


@many
@given(answers=ANSWERS, good=st.sets(st.sampled_from(["red", "blue", "green"])), name=st.sampled_from(gapo.DIVERSITIES))
def test_a_predicate_is_the_flags_it_makes(answers: list[str], good: set[str], name: str) -> None:
    flags = [answer in good for answer in answers]
    expected = credit_by_definition(name, answers, flags)
    for valid in (flags, good.__contains__):
        assert_allclose(gapo.diversity_credit(answers, utility=name, options=4, valid=valid), expected, atol=1e-13)
        utility = gapo.diversity_utility(answers, utility=name, options=4, valid=valid)
        everybody = tuple(range(len(answers)))
        assert_allclose(utility.value(everybody), worth(name, answers, flags, everybody, 4), atol=1e-13)
    assert_array_equal(
        gapo.frequency_reward(answers, 4, valid=good.__contains__), gapo.frequency_reward(answers, 4, valid=flags)
    )
    mask = np.ones((len(answers), 2))
    assert_array_equal(gapo.gapo([answers], mask, valid=good.__contains__), gapo.gapo([answers], mask, valid=[flags]))


@pytest.mark.parametrize(
    "call",
    [
        lambda labels, valid: gapo.frequency_reward(labels, 4, valid=valid),
        lambda labels, valid: gapo.diversity_utility(labels, valid=valid),
        lambda labels, valid: gapo.diversity_credit(labels, valid=valid),
        lambda labels, valid: gapo.gapo(labels, np.ones((6, 1)), valid=valid),
    ],
)
@pytest.mark.parametrize(
    ("labels", "asked"),
    [
        ([["red", "blue", "red"], ["red", None, NAN]], ["red", "blue"]),
        (np.array([[3, 1, 3], [3, 1, 2]]), [3, 1, 2]),
        (objects(np.int64(3), np.float64(NAN), np.array(3), np.int8(1), None, 1).reshape(2, 3), [3, 1]),
        (np.array([[0.5, NAN, 0.5], [0.5, 1.5, NAN]]), [0.5, 1.5]),
        ([[(1,), [1], (2,)], [(1,), None, None]], [(1,), (2,)]),
    ],
)
def test_a_predicate_is_called_once_for_each_different_answer(call: Callable[..., Any], labels: Any, asked: list[Any]) -> None:
    seen: list[Any] = []
    call(labels, noting(seen))
    assert seen == asked
    assert not any(isinstance(answer, np.generic) for answer in seen)


def test_a_predicate_may_answer_in_numpy() -> None:
    assert_allclose(gapo.diversity_credit([1, 2], utility="distinct", valid=lambda answer: np.bool_(answer == 1)), [1, -1])


@pytest.mark.parametrize("verdict", [1, 0.0, None, "no", np.array([True]), np.int64(1)])
def test_a_predicate_that_says_something_else_is_refused(verdict: Any) -> None:
    with pytest.raises(InputError, match="valid must say True or False of an answer; of 'red' it said "):
        gapo.diversity_credit(["red", "blue"], valid=lambda answer: verdict)


# What is refused.


@pytest.mark.parametrize("answer", [{"a": 1}, {1, 2}, [{"a": 1}], ("x", {1})], ids=str)
def test_answers_that_cannot_be_compared_are_refused(answer: Any) -> None:
    for call in (gapo.diversity_credit, gapo.diversity_utility, lambda labels: gapo.frequency_reward(labels, 4)):
        with pytest.raises(
            InputError, match=r"a label of type (dict|set) can't be compared with others: unhashable.*labels_of"
        ):
            call(["red", answer])
    with pytest.raises(InputError, match="can't be compared"):
        gapo.labels_of(["red"], key=lambda answers: [answer])


@pytest.mark.parametrize(
    "labels", [5, "red", None, {"red"}, np.array(3), np.float64(2), iter("ab")], ids=lambda one: type(one).__name__
)
def test_a_group_is_a_list_or_an_array(labels: Any) -> None:
    told = f"must be a list or an array .* of answers; got {type(labels).__name__}"
    with pytest.raises(InputError, match=f"labels {told}"):
        gapo.diversity_credit(labels)
    with pytest.raises(InputError, match=f"answers {told}"):
        gapo.labels_of(labels)


def test_masked_arrays_are_refused_among_labels_and_as_answers() -> None:
    masked = np.ma.masked_array([1, 2], [False, True])
    for labels in (masked, [masked, (1, 2)]):
        with pytest.raises(InputError, match="masked array, whose mask would be lost"):
            gapo.diversity_credit(labels)


@pytest.mark.parametrize("flags", [[2, 1], [0.5, 1], [NAN, 1], ["a", "b"], [None, True]], ids=str)
def test_flags_are_booleans(flags: list[Any]) -> None:
    with pytest.raises(InputError, match=r"valid must be booleans or all 0 and 1; got \["):
        gapo.diversity_credit([0, 1], valid=flags)


def test_flags_of_any_kind() -> None:
    for flags in ([True, False], (1, 0), np.array([1.0, 0.0]), np.array([True, False], object)):
        assert_array_equal(gapo.diversity_credit([5, 6], utility="distinct", valid=flags), [1, -1])


def test_a_set_of_valid_answers_is_told_what_to_do() -> None:
    with pytest.raises(InputError, match=r"shape of labels, \(2,\); got set of shape \(\).*valid=answers.__contains__"):
        gapo.diversity_credit([0, 1], valid={0})


def test_a_group_of_nobody_gets_nothing() -> None:
    assert gapo.frequency_reward([], 4).shape == (0,)
    assert gapo.frequency_reward([[], []], 4).shape == (2, 0)
    assert gapo.labels_of([]).shape == (0,)
    assert gapo.labels_of(np.zeros((2, 0))).shape == (2, 0)
    with pytest.raises(InputError, match="no candidates"):
        gapo.diversity_credit([])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"utility": "frequency"}, "needs options="),
        ({"utility": "novelty"}, "must be one of entropy, distinct, frequency"),
        ({"utility": "frequency", "options": 0}, "whole number >= 1"),
        ({"valid": [1]}, "shape of labels"),
    ],
)
def test_gapo_says_what_it_needs(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        gapo.diversity_credit([0, 1], **arguments)
