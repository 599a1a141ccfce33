"""Free text to labels: how it is normalised, and what a key may return."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from shapley_credit.errors import InputError
from shapley_credit.methods import gapo

from diversity import many, objects

NAN = float("nan")


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
