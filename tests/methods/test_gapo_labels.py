"""The labels that answers get: what is missing, labels of any kind, and their axes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from shapley_credit.methods import gapo

from diversity import credit_by_definition, many, noting, objects

NAN = float("nan")

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
