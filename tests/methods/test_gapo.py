"""GAPO: the published reward, the set utilities behind it, and the labels that answers get."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import product
from math import log
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from shapley_credit.errors import InputError
from shapley_credit.methods import gapo

many = settings(max_examples=50)
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
    with pytest.raises(InputError, match="counts members by size, which absent members change"):
        sc.set_semivalue(gapo.diversity_utility(labels, utility=name, options=3, valid=[1, 1, 0, 1]), rule)
    utility = gapo.diversity_utility(labels, utility=name, options=3)
    expected = sc.set_semivalue(lambda coalition: utility.value(list(coalition)), rule, 4)
    assert_allclose(sc.set_semivalue(utility, rule), expected, atol=1e-13)


def test_diversity_is_a_term_beside_others() -> None:
    labels, valid, scores = [[0, 0, 1], [2, 1, 1]], [[1, 0, 1], [1, 1, 1]], np.array([[1.0, 3.0, 2.0], [0.5, 0.25, 1.0]])
    both = gapo.diversity_utility(labels, utility="distinct", valid=valid) + 0.5 * sc.utilities.Max(scores)
    expected = [[1, -1, 1], [1, 0.5, 0.5]] + 0.5 * sc.set_shapley(sc.utilities.Max(scores))
    assert_allclose(sc.set_shapley(both), expected, rtol=1e-14)
    assert_allclose(sc.set_shapley(both[1]), expected[1], rtol=1e-14)
    with pytest.raises(InputError, match=r"member \[0\] is absent from term 2, Max, and not from term 0, _DistinctOfValid"):
        _ = gapo.diversity_utility([0, 1], utility="distinct") + sc.utilities.Max([1.0, 2.0], mask=[0, 1])


def test_distinct_credit_is_one_over_the_copies() -> None:
    assert_allclose(gapo.diversity_credit([7, 7, 7, 8], utility="distinct"), [1 / 3, 1 / 3, 1 / 3, 1])


def objects(*answers: Any) -> Any:
    """An array of objects, which NumPy would not take apart."""
    return np.fromiter(answers, object, len(answers))


# Which answers are valid.

REPEATED = [0, 0, 0, 5, 6, 7]


def worth(name: str, answers: list[Any], valid: list[bool], members: tuple[int, ...], options: int) -> float:
    """The utilities as they are defined, counted member by member."""
    good = [answers[i] for i in members if valid[i]]
    counts = [good.count(answer) for answer in set(good)]
    value = {
        "entropy": -sum(count / len(good) * log(count / len(good)) for count in counts),
        "distinct": len(counts),
        "frequency": sum(1 - (good.count(answer) / len(good) - 1 / options) for answer in good),
    }[name]
    return value - (len(members) - len(good))


def credit_by_definition(name: str, answers: list[Any], valid: list[bool], options: int = 4) -> Any:
    return sc.set_shapley(lambda members: worth(name, answers, valid, members, options), len(answers))


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


def noting(seen: list[Any]) -> Callable[[Any], bool]:
    """A predicate that holds of everything, and notes what it is asked about."""

    def valid(answer: Any) -> bool:
        seen.append(answer)
        return True

    return valid


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


# What is missing.


class NotAvailable:
    """As pandas has it: comparing tells nothing, and nothing has no truth."""

    def __eq__(self, other: object) -> Any:
        return self

    def __hash__(self) -> int:
        return 7

    def __bool__(self) -> bool:
        raise TypeError("boolean value of NA is ambiguous")


class Unknown:
    """Not even itself, in NumPy's words."""

    def __eq__(self, other: object) -> Any:
        return np.bool_(False)

    def __hash__(self) -> int:
        return 8


GONE = [
    None,
    Unknown(),
    NAN,
    np.nan,
    np.float32("nan"),
    complex(NAN, 0),
    Decimal("nan"),
    np.datetime64("NaT"),
    np.array(NAN),
    NotAvailable(),
]


@pytest.mark.parametrize("gone", GONE, ids=lambda gone: type(gone).__name__)
@pytest.mark.parametrize("name", gapo.DIVERSITIES)
def test_what_is_missing_is_never_valid(gone: Any, name: str) -> None:
    expected = gapo.diversity_credit([0, 0, 1, 9, 9], utility=name, options=3, valid=[1, 1, 1, 0, 0])
    answers = ["red", "red", "blue", gone, gone]
    for labels in (answers, tuple(answers), np.fromiter(answers, object, 5)):
        for valid in (None, np.ones(5), lambda answer: True):
            assert_array_equal(gapo.diversity_credit(labels, utility=name, options=3, valid=valid), expected)


@pytest.mark.parametrize(
    "labels",
    [
        np.array([0.5, 0.5, 1.5, NAN]),
        np.array([0.5, 0.5, 1.5, NAN], np.float32),
        np.array([0.5, 0.5, 1.5, NAN], np.complex128),
        np.array(["2020-01-01", "2020-01-01", "2021-01-01", "NaT"], "M8[ns]"),
        np.array(["a", "a", "b", None], np.dtypes.StringDType(na_object=None)),
        np.array([0.5, 0.5, 1.5, None], object),
        [0, 0, 1, None],
        [0.0, 0.0, 1.0, NAN],
    ],
    ids=lambda labels: str(getattr(labels, "dtype", "list")),
)
def test_missing_answers_of_every_dtype(labels: Any) -> None:
    assert_array_equal(gapo.diversity_credit(labels, utility="distinct"), [0.5, 0.5, 1, -1])
    assert_allclose(gapo.frequency_reward(labels, 4), [1 - 2 / 3 + 1 / 4, 1 - 2 / 3 + 1 / 4, 1 - 1 / 3 + 1 / 4, -1])


def test_flags_go_with_missing_answers() -> None:
    assert_array_equal(gapo.diversity_credit(["a", None, "b", "c"], utility="distinct", valid=[1, 1, 0, 1]), [1, -1, -1, 1])


def test_missing_elements_of_an_answer_are_equal() -> None:
    labels = [(1, NAN), (1, float("nan")), (1, None), (2, NAN)]
    assert_array_equal(gapo.diversity_credit(labels, utility="distinct"), [1 / 3, 1 / 3, 1 / 3, 1])


# Labels of any kind.


@dataclass(frozen=True)
class Move:
    start: str
    end: str


SAME = {  # the first two are the same answer, the third is another
    "strings": ["a", "a", "b"],
    "a tuple": ("a", "a", "b"),
    "bytes": [b"a", b"a", b"b"],
    "tuples": [(1, 2), (1, 2), (1, 3)],
    "nested tuples": [(1, (2, "x")), (1, [2, "x"]), (1, (2, "y"))],
    "numbers": [1, 1.0, 2],
    "fractions": [Fraction(1, 2), 0.5, Fraction(1, 3)],
    "truth": [True, True, False],
    "dates": [date(2020, 1, 1), date(2020, 1, 1), date(2021, 1, 1)],
    "sets": [frozenset({1, 2}), frozenset({2, 1}), frozenset({1})],
    "dataclasses": [Move("e2", "e4"), Move("e2", "e4"), Move("e2", "e3")],
    "lists of many lengths": [[1, 2], [1, 2], [1]],
    "lists and tuples": [[1, 2], (1, 2), (2, 1)],
    "arrays": [np.array([1, 2]), np.array([1, 2]), np.array([1, 3])],
    "an array and its list": [np.array([[1], [2]]), ((1,), (2,)), np.array([1, 2])],
    "arrays of objects": [objects("a", [1]), ("a", (1,)), objects("a", [2])],
    "NumPy numbers": [np.int64(1), np.float32(1), np.int8(2)],
    "NumPy strings": [np.str_("a"), "a", np.str_("b")],
    "arrays of one number": [np.array(1), 1, np.array(2)],
    "int8": np.array([1, 1, 2], np.int8),
    "uint64": np.array([2**63, 2**63, 1], np.uint64),
    "bool": np.array([True, True, False]),
    "float16": np.array([0.5, 0.5, 1.5], np.float16),
    "two zeros": np.array([0.0, -0.0, 1.0]),
    "complex": np.array([1j, 1j, 1]),
    "unicode": np.array(["a", "a", "b"]),
    "string dtype": np.array(["a", "a", "b"], np.dtypes.StringDType()),
    "byte strings": np.array([b"a", b"a", b"b"]),
    "datetime64": np.array(["2020", "2020", "2021"], "M8[Y]"),
    "timedelta64": np.array([1, 1, 2], "m8[ns]"),
    "records": np.array([(1, 2.0), (1, 2.0), (1, 3.0)], "i4,f8"),
    "objects": objects("a", "a", 1),
    "objects that are lists": objects([1, 2], [1, 2], [3, 4]),
    "objects that are arrays": objects(np.array([1, 2]), [1, 2], np.array([3, 4])),
}


@pytest.mark.parametrize("labels", SAME.values(), ids=SAME)
def test_labels_of_any_kind_are_compared_by_content(labels: Any) -> None:
    assert_array_equal(gapo.diversity_credit(labels, utility="distinct"), [0.5, 0.5, 1])
    assert_array_equal(gapo.diversity_credit(labels), gapo.diversity_credit([0, 0, 1]))
    assert_array_equal(gapo.frequency_reward(labels, 4), gapo.frequency_reward([0, 0, 1], 4))
    assert_array_equal(gapo.gapo(labels, np.ones((3, 2))), gapo.gapo([0, 0, 1], np.ones((3, 2))))


@pytest.mark.parametrize(
    "labels",
    [
        [1, "1", "True", True],  # as one array they would all be strings
        [2**63, -1, 2**63 + 1, 2**63],  # or floats that can't tell them apart
        [b"a", "a", "b'a'", b"a"],
        ["nan", "None", "", "nan"],
    ],
)
def test_different_answers_stay_different(labels: list[Any]) -> None:
    assert_array_equal(gapo.diversity_credit(labels, utility="distinct"), [0.5, 1, 1, 0.5])


@pytest.mark.torch
def test_tensors_are_compared_by_content() -> None:
    import torch

    for labels in (
        [torch.tensor(1), torch.tensor(1), torch.tensor(2)],
        [torch.tensor(1.0), 1, torch.tensor(2)],
        [torch.tensor([1, 2]), [1, 2], torch.tensor([1])],
        objects(torch.tensor([1, 2]), torch.tensor([1, 2]), torch.tensor([1, 3])),
    ):
        assert_array_equal(gapo.diversity_credit(labels, utility="distinct"), [0.5, 0.5, 1])
    assert_array_equal(gapo.diversity_credit([torch.tensor(1), torch.tensor(NAN)], utility="distinct"), [1, -1])
    asked: list[Any] = []
    gapo.diversity_credit([torch.tensor(3), torch.tensor([4, 5]), torch.tensor(3)], valid=noting(asked))
    assert asked == [3, (4, 5)]
    assert type(asked[0]) is int


@pytest.mark.torch
@pytest.mark.parametrize("dtype", ["int64", "int8", "float32", "float64", "bfloat16", "bool"])
def test_credit_comes_back_in_the_library_of_the_labels(dtype: str) -> None:
    import torch

    labels = torch.tensor([0, 0, 1], dtype=getattr(torch, dtype))
    for valid in (None, torch.tensor([True, True, True]), lambda answer: True):
        for found in (
            gapo.diversity_credit(labels, utility="distinct", valid=valid),
            gapo.frequency_reward(labels, 4, valid=valid),
        ):
            assert isinstance(found, torch.Tensor)
        assert gapo.diversity_credit(labels, utility="distinct", valid=valid).tolist() == [0.5, 0.5, 1]
    if labels.is_floating_point():
        labels[2] = NAN
        assert gapo.diversity_credit(labels, utility="distinct").tolist() == [0.5, 0.5, -1]


# Axes.


@pytest.mark.parametrize(
    ("labels", "shape"),
    [
        ([[0, 0, 1], [2, 2, 2]], (2, 3)),
        ([["a", "a", "b"], ["c", "c", "c"]], (2, 3)),
        ([["a", "a", None], ["c", "c", NAN]], (2, 3)),
        ((["a", "a", "b"], ["c", "c", "c"]), (2, 3)),
        ([[(1, 2), (1, 2), 3], [(1, 2), "c", "c"]], (2, 3)),
        ([[[1], [1], [1, 2]], [[2], [2], [3]]], (2, 3)),
        ([[[0, 1], [1, 1]], [[2, 2], [3, 4]], [[0, 0], [0, 0]]], (3, 2, 2)),
        ([(0, 1), (1, 1)], (2,)),
        (((0, 1), (1, 1)), (2,)),
        ([[0, 1], (1, 1)], (2,)),
        ([[0, 1], [1, 1, 1]], (2,)),
        ([[0, 1], "ab"], (2,)),
        ([[0, 1], None], (2,)),
        ([np.array([0, 1]), np.array([1, 1])], (2,)),
        (np.array([[0, 1], [1, 1]], object), (2, 2)),
        (objects([0, 1], [1, 1]), (2,)),
        ([[0]], (1, 1)),
    ],
)
def test_which_lists_are_axes(labels: Any, shape: tuple[int, ...]) -> None:
    credit = gapo.diversity_credit(labels, utility="distinct")
    assert credit.shape == shape
    assert gapo.frequency_reward(labels, 4).shape == shape


@many
@given(
    rows=st.lists(st.lists(st.sampled_from(["a", "b", "c", None]), min_size=4, max_size=4), min_size=1, max_size=3),
    name=st.sampled_from(gapo.DIVERSITIES),
)
def test_groups_are_credited_one_by_one(rows: list[list[Any]], name: str) -> None:
    found = gapo.diversity_credit(rows, utility=name, options=4)
    for row, credit in zip(rows, found, strict=True):
        assert_allclose(credit, credit_by_definition(name, row, [answer is not None for answer in row]), atol=1e-13)


@many
@given(labels=st.lists(st.integers(-2, 3), min_size=1, max_size=6), shuffled=st.permutations(range(-2, 4)))
def test_credit_does_not_depend_on_the_names(labels: list[int], shuffled: list[int]) -> None:
    for name in gapo.DIVERSITIES:
        expected = gapo.diversity_credit(np.array(labels), utility=name, options=4)
        for renamed in (labels, [shuffled[label] for label in labels], [f"answer {label}" for label in labels]):
            assert_allclose(gapo.diversity_credit(renamed, utility=name, options=4), expected, atol=1e-14)


# Free text.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Red", "red"),
        ("  red\n", "red"),
        ("**Red**.", "red"),
        ("'red'!?", "red"),
        ("\u201cred\u201d", "red"),
        ("`red`", "red"),
        ("(dark  \t red)", "dark red"),
        ("- red -", "red"),
        ("Stra\u00dfe", "strasse"),
        ("\uff32\uff25\uff24", "red"),
        ("re\u0301d", "r\u00e9d"),
        ("dark-red", "dark-red"),
        ("it's", "it's"),
        ("-5.", "-5"),
        ("(-5)", "-5"),
        ("-.5", "-.5"),
        (".5", ".5"),
        ("5", "5"),
        ("- 5", "5"),
        ("5%", "5%"),
        ("C#", "c#"),
        ("C++", "c++"),
        ("$5,", "$5"),
        ("\U0001f642", "\U0001f642"),
        ("", None),
        (" \n", None),
        ("?!...", None),
        ("\u3002", None),
        (None, None),
        (NAN, None),
        (np.float32("nan"), None),
    ],
)
def test_text_is_normalised(text: Any, expected: str | None) -> None:
    labels = gapo.labels_of([text, "other"])
    assert labels.dtype == object
    assert labels.tolist() == [expected, "other"]


@many
@given(text=st.text(max_size=12))
def test_normalised_text_stays_as_it_is(text: str) -> None:
    label = gapo.labels_of([text])[0]
    assert label is None or gapo.labels_of([label])[0] == label


@pytest.mark.parametrize("word", ["stra\u00dfe", "\u01f0", "\u0390", "\u1fb7", "\ufb01"])
def test_the_same_word_in_capitals(word: str) -> None:
    small, capital = gapo.labels_of([word, word.upper()])
    assert small == capital
    assert unicodedata.is_normalized("NFKC", small)


LETTERS = st.text(st.characters(categories=["Lu", "Ll", "Nd"], max_codepoint=0x24F), min_size=1, max_size=8)


@many
@given(text=LETTERS, before=st.text(" \n\t*_\"'([\u00ab", max_size=4), after=st.text(" \n*_\"')].,!?\u00bb", max_size=4))
def test_what_stands_around_an_answer_does_not_matter(text: str, before: str, after: str) -> None:
    plain, swapped, full = gapo.labels_of([text, before + text.casefold() + after, unicodedata.normalize("NFD", text)])
    assert plain == swapped == full is not None


@pytest.mark.parametrize(
    "answers",
    [[["Red", "blue"], ["red.", None]], np.array([["Red", "blue"], ["red.", ""]]), objects("Red", "blue", "red.", None)],
)
def test_labels_keep_the_axes(answers: Any) -> None:
    labels = gapo.labels_of(answers)
    assert labels.shape == np.shape(answers)
    assert labels.ravel().tolist() == ["red", "blue", "red", None]


def test_labels_go_where_labels_are_taken() -> None:
    labels = gapo.labels_of(["Red.", "red", "BLUE", "xqz", "", None])
    known, flags = {"red", "blue", "green"}, [1, 1, 1, 0, 0, 0]
    for name in gapo.DIVERSITIES:
        credit = gapo.diversity_credit(labels, utility=name, options=3, valid=known.__contains__)
        assert_array_equal(credit, gapo.diversity_credit([0, 0, 1, 2, 2, 2], utility=name, options=3, valid=flags))
        utility = gapo.diversity_utility(labels, utility=name, options=3, valid=known.__contains__)
        assert_allclose(credit.sum(), utility.value(range(6)))
    assert_array_equal(
        gapo.frequency_reward(labels, 3, valid=known.__contains__), gapo.frequency_reward([0, 0, 1, 2, 2, 2], 3, valid=flags)
    )
    mask = np.ones((6, 2))
    assert_array_equal(gapo.gapo(labels, mask, valid=known.__contains__), gapo.gapo([0, 0, 1, 2, 2, 2], mask, valid=flags))


def test_a_key_is_called_once_a_group_with_its_answers() -> None:
    asked: list[list[Any]] = []

    def clusters(answers: list[Any]) -> list[int]:
        asked.append(answers)
        return [len(answer) for answer in answers]

    labels = gapo.labels_of([["Red!", None, "blue", "Red!"], ["", "...", NAN, " "], ["a", "b", "cc", "?"]], clusters)
    assert asked == [["Red!", "blue", "Red!"], ["a", "b", "cc"]]
    assert all(type(answers) is list for answers in asked)
    assert labels.tolist() == [[4, None, 4, 4], [None] * 4, [1, 1, 2, None]]


def sizes(answers: list[Any]) -> Iterator[int]:
    return map(len, answers)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (sizes, [1, 2, 1]),
        (lambda answers: tuple(map(str, answers)), ["[1]", "{1: 2, 3: 4}", "(5,)"]),
        (lambda answers: np.array([0, -1, 0]), [0, -1, 0]),
        (lambda answers: np.array([0.5, NAN, 0.5]), [0.5, None, 0.5]),
        (lambda answers: [None, "x", [1, 2]], [None, "x", (1, 2)]),
        (lambda answers: {"p": 1, "q": 2, "r": 3}.values(), [1, 2, 3]),
    ],
)
def test_what_a_key_returns(key: Callable[[list[Any]], Any], expected: list[Any]) -> None:
    labels = gapo.labels_of([[1], {1: 2, 3: 4}, (5,)], key=key)
    assert labels.tolist() == expected
    assert not any(isinstance(label, np.generic) for label in labels.tolist())


@pytest.mark.torch
def test_a_key_may_return_a_tensor() -> None:
    import torch

    labels = gapo.labels_of(["a", "b", None, "c"], key=lambda answers: torch.tensor([1, 0, 1]))
    assert labels.tolist() == [1, 0, None, 1]
    assert_array_equal(gapo.diversity_credit(labels, utility="distinct"), [0.5, 1, -1, 0.5])


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ([1], "list of length 1"),
        ([1, 2, 3], "list of length 3"),
        (iter(()), "iterator of length 0"),
        ("ab", "str"),
        (7, "int"),
        (None, "NoneType"),
        (np.array(7), "ndarray"),
        (np.zeros((2, 384)), r"ndarray of shape \(2, 384\)"),
        (np.zeros(3), r"ndarray of shape \(3,\)"),
    ],
)
def test_a_key_that_returns_no_labels_is_refused(found: Any, told: str) -> None:
    with pytest.raises(InputError, match=f"key must return a label for each of the 2 answers of a group; got .*{told}"):
        gapo.labels_of(["a", None, "b"], key=lambda answers: found)


@pytest.mark.parametrize("answer", [3, b"red", ["red"], ("red",), {"role": "user"}, np.array([1, 2])])
def test_only_text_has_labels_of_itself(answer: Any) -> None:
    with pytest.raises(InputError, match=f"labels_of reads text where there is no key; got .* of type {type(answer).__name__}"):
        gapo.labels_of(["red", answer])


# What is refused.


@pytest.mark.parametrize("answer", [{"a": 1}, {1, 2}, [{"a": 1}], ("x", {1})], ids=str)
def test_answers_that_cannot_be_compared_are_refused(answer: Any) -> None:
    for call in (gapo.diversity_credit, gapo.diversity_utility, lambda labels: gapo.frequency_reward(labels, 4)):
        with pytest.raises(
            InputError, match=r"an answer of type (dict|set) can't be compared with others: unhashable.*labels_of"
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
