"""Labels of any kind: how they are read and compared, and what a member without one earns."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import partial
from math import log
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import shapley_credit as sc
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from shapley_credit import Utility, semivalues
from shapley_credit import utilities as u
from shapley_credit.inputs import ids
from shapley_credit.testing import oracle

from flat_rules import RULES
from roles import ROLES, using

every_role = pytest.mark.parametrize("role", ROLES)
few = settings(max_examples=8)
NAN = float("nan")
LOW = np.iinfo(np.int64).min
DICTIONARIES = pa.chunked_array([pa.array(["a", "a"]).dictionary_encode(), pa.array(["b", None]).dictionary_encode()])
REPEATED = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, None]), pa.array(["a", "a", "b"]))


# What labels are made of: the first two are the same, the third is another, the fourth is missing.

GONE: dict[str, Any] = {
    "strings": ["a", "a", "b", None],
    "a tuple": ("a", "a", "b", None),
    "bytes": [b"a", b"a", b"b", NAN],
    "tuples": [(1, 2), (1, 2), (1, 3), None],
    "mixed": [1, True, "1", None],
    "floats": [0.5, 0.5, 1.5, NAN],
    "zeros": np.array([0.0, -0.0, 1.0, NAN]),
    "decimals": [Decimal(1), 1, Decimal("1.5"), Decimal("nan")],
    "float32": np.array([0.5, 0.5, 1.5, NAN], np.float32),
    "objects": np.array(["a", "a", "b", None], object),
    "dates": np.array(["2020", "2020", "2021", "NaT"], "M8[s]"),
    "string dtype": np.array(["a", "a", "b", None], np.dtypes.StringDType(na_object=None)),
    "pandas strings": pd.Series(["a", "a", "b", None]),
    "pandas objects": pd.Series([1, True, "b", None], dtype=object),
    "pandas lists": pd.Series([[1], [1], [1, 2], None]),
    "pandas integers": pd.Series([LOW, LOW, 1, None], dtype="Int64"),
    "pandas dates": pd.Series(pd.to_datetime(["2020", "2020", "2021", None])),
    "pandas categories": pd.Categorical(["b", "b", "a", None]),
    "a column of them": pd.Series(["b", "b", "a", None], dtype="category"),
    "pandas on Arrow": pd.Series(["a", "a", "b", None], dtype="string[pyarrow]"),
    "a pandas index": pd.Index(["a", "a", "b", None]),
    "polars strings": pl.Series(["a", "a", "b", None]),
    "polars floats": pl.Series([0.0, -0.0, 1.0, NAN]),
    "polars integers": pl.Series([2**64 - 1, 2**64 - 1, 1, None], dtype=pl.UInt64),
    "polars categories": pl.Series(["b", "b", "a", None], dtype=pl.Categorical),
    "polars lists": pl.Series([[1], [1], [2], None]),
    "polars objects": pl.Series([(1,), (1,), "b", None], dtype=pl.Object),
    "Arrow strings": pa.array(["a", "a", "b", None]),
    "large Arrow strings": pa.array(["a", "a", "b", None], pa.large_string()),
    "Arrow integers": pa.array([LOW, LOW, 1, None]),
    "Arrow floats": pa.array([0.0, -0.0, NAN, 1.0]).take(pa.array([0, 1, 3, 2])),
    "Arrow lists": pa.array([[1], [1], [2], None]),
    "Arrow chunks": pa.chunked_array([["a"], ["a", "b", None]]),
    "Arrow dictionaries": DICTIONARIES,
    "entries that repeat": REPEATED,
}
ALL_THERE: dict[str, Any] = {
    "integers": [5, 5, -1, LOW],
    "int64": np.array([5, 5, LOW, 7]),
    "uint64": np.array([2**63 + 5, 2**63 + 5, 5, 2**63], np.uint64),
    "huge": [2**64, 2**64, 1, -(2**63) - 1],
    "signs": [np.uint64(2**63), np.uint64(2**63), -1, np.uint64(2**63 + 1)],
    "booleans and more": [True, True, False, 7],
    "big-endian": np.array([5, 5, 3, 1], ">i4"),
    "unicode": np.array(["a", "a", "b", "c"]),
    "half": np.array([0.5, 0.5, 1.5, 2.5], np.float16),
    "complex": np.array([1j, 1j, 1, 2]),
    "a pandas column of integers": pd.Series([5, 5, 3, 1]),
    "Arrow integers": pa.array([2, 2, 1, 0]),
}


def families(labels: Any, target: Any) -> list[Utility]:
    f = np.array([3.0, 4.0, 4.5, 4.5, 4.5])[: len(labels) + 1]
    several: list[Any] = [u.DistinctCount, u.Entropy, u.GiniSimpson, u.UniqueFraction]
    return [family(labels) for family in several] + [u.ClassCounts(labels, f), u.Plurality(labels, target)]


@pytest.mark.parametrize("labels", GONE.values(), ids=GONE)
def test_labels_of_any_kind_with_one_missing(labels: Any) -> None:
    first = labels.tolist()[0] if hasattr(labels, "tolist") else labels[0]
    first = first.as_py() if hasattr(first, "as_py") else first
    target = tuple(first) if isinstance(first, list | pl.Series) else first
    for utility, other in zip(families(labels, target), families([0, 0, 1], 0), strict=True):
        assert_allclose(sc.set_shapley(utility), [*sc.set_shapley(other), 0], rtol=1e-15)
        assert utility.value([0, 1, 2, 3]) == utility.value([0, 1, 2]) == other.value([0, 1, 2])
        assert sc.set_shapley(utility, groups=["p", "p", "q", "q"]).tolist()[3] == 0


@pytest.mark.parametrize("labels", ALL_THERE.values(), ids=ALL_THERE)
def test_labels_of_any_kind_that_are_all_there(labels: Any) -> None:
    expected = families([0, 0, 1, 2], 1)
    for utility, other in zip(families(labels, labels[2]), expected, strict=True):
        assert_array_equal(sc.set_shapley(utility), sc.set_shapley(other))


def test_a_column_is_encoded_by_its_library() -> None:
    names = [f"answer {i % 7}" for i in range(1000)]
    expected = sc.set_shapley(u.DistinctCount(names))
    columns = [pd.Series(names), pd.Series(names, dtype=object), pd.Categorical(names), pl.Series(names), pa.array(names)]
    for column in [*columns, pa.array(names).dictionary_encode(), pa.chunked_array([names])]:
        with mock.patch.object(ids, "encoded", side_effect=AssertionError):
            assert_array_equal(sc.set_shapley(u.DistinctCount(column)), expected)
            assert_array_equal(sc.advantages(np.arange(1000.0), column), sc.advantages(np.arange(1000.0), np.arange(1000) % 7))


@pytest.mark.parametrize(
    ("labels", "shape"),
    [
        ([["a", "a", "b"], ["c", None, "c"]], (2, 3)),
        ([[[1, "x"], [2, "x"]]] * 3, (3, 2, 2)),
        ([(0, 1), (1, 1)], (2,)),
        (((0, 1), (1, 1)), (2,)),
        ([["a", "b"], ["c"]], (2,)),
        ([[0, 1], [1]], (2,)),
        ([np.array([0, 1]), np.array([1, 1])], (2,)),
        (np.array([["a", "b"]]), (1, 2)),
        (pd.DataFrame({"x": ["a", "b"], "y": ["a", None]}), (2, 2)),
        (pl.Series([["a", "b"], ["c", "d"], ["c", "d"]]), (3,)),
    ],
)
def test_which_lists_are_axes(labels: Any, shape: tuple[int, ...]) -> None:
    assert sc.set_shapley(u.DistinctCount(labels)).shape == shape


@pytest.mark.torch
def test_labels_of_torch() -> None:
    import torch

    halves = torch.tensor([0.5, 0.5, 1.5, NAN])
    for labels in (halves, halves.to(torch.bfloat16)):
        credit = sc.set_shapley(u.DistinctCount(labels))
        assert isinstance(credit, torch.Tensor)
        assert credit.tolist() == [0.5, 0.5, 1, 0]
    whole = torch.tensor([3, 3, 4])
    assert sc.set_shapley(u.Plurality(whole, torch.tensor(3))).tolist() == sc.set_shapley(u.Plurality(whole, 3.0)).tolist()
    assert isinstance(sc.set_shapley(u.Plurality(whole, "3")), torch.Tensor)
    assert sc.set_shapley(u.Plurality(whole, "3")).tolist() == [0, 0, 0]


@pytest.mark.torch
def test_labels_on_a_device_are_integers() -> None:
    import torch

    there = torch.ones(3, dtype=torch.int64, device="meta")
    for labels in (there, there.to(torch.uint8), there.bool()):
        assert sc.set_shapley(u.DistinctCount(labels)).shape == (3,)
    with pytest.raises(sc.InputError, match=r"labels must be integers .* on a device.*encode them there.*float32"):
        u.DistinctCount(there.float())
    for target in ("a", 0.5):
        with pytest.raises(sc.InputError, match=r"labels of a device can't be compared with target of the host.*as integers"):
            u.Plurality(there, target)
    with pytest.raises(sc.InputError, match=r"target of a device can't be compared with labels of the host"):
        u.Plurality(["a", "b", "c"], there[0])


# The target of a vote.


@pytest.mark.parametrize(
    ("labels", "target", "right"),
    [
        (["7", "7", "8"], "7", [0, 1]),
        (["7", "7", "8"], 7, []),
        ([7, 7, 8], 7.0, [0, 1]),
        ([7, 7, 8], "7", []),
        ([7, 7, 8], np.array(8.0), [2]),
        ([7, 7, None], NAN, []),
        ([0, 0, None], np.array(None), []),
        ([(1, 2), (1, 2), (1, 3)], (1, 3), [2]),
        ([b"x", b"y", "x"], b"y", [1]),
        (pl.Series(["x", "y", "x"]), "y", [1]),
        (np.array([2**63 + 5, 5, 1], np.uint64), 2**63 + 5, [0]),
        (np.array([2**63 + 5, 5, 1], np.uint64), 5, [1]),
        ([2**63, 5.5, 1], np.uint64(2**63), [0]),
    ],
)
def test_a_target_is_compared_by_content(labels: Any, target: Any, right: list[int]) -> None:
    vote = u.Plurality(labels, target)
    assert [i for i in range(3) if vote.value([i])] == right


def test_a_target_for_each_group() -> None:
    labels = [["a", "b", "b"], ["a", None, "a"], ["c", "d", None]]
    for target in (["b", "a", None], pd.Series(["b", "a", None]), pa.array(["b", "a", None])):
        assert u.Plurality(labels, target).value([0, 1, 2]).tolist() == [1, 1, 0]


# A member without a label, held to the values of what the others say.


def counts(labels: Sequence[Any]) -> list[int]:
    return list(Counter(label for label in labels if label is not None).values())


def shared_vote(labels: Sequence[Any]) -> float:
    tally = Counter(label for label in labels if label is not None)
    winners = [label for label in tally if tally[label] == max(tally.values())]
    return 1 / len(winners) if "a" in winners else 0.0


CURVE = [0.5, 1.0, 0.25, 2.0, 2.5, 2.75, 2.875]
GAMES: dict[str, tuple[Callable[..., Utility], Callable[[Sequence[Any]], float]]] = {
    "DistinctCount": (u.DistinctCount, lambda labels: len(counts(labels))),
    "UniqueFraction": (u.UniqueFraction, lambda labels: len(counts(labels)) / max(sum(counts(labels)), 1)),
    "GiniSimpson": (
        u.GiniSimpson,
        lambda labels: 1 - sum((n / sum(counts(labels))) ** 2 for n in counts(labels)) if counts(labels) else 0.0,
    ),
    "Entropy": (u.Entropy, lambda labels: -sum(n / sum(counts(labels)) * log(n / sum(counts(labels))) for n in counts(labels))),
    "ClassCounts": (
        lambda labels, mask=None: u.ClassCounts(labels, CURVE[: len(labels[0]) + 1], mask=mask),
        lambda labels: sum(CURVE[n] - CURVE[0] for n in counts(labels)),
    ),
    "strict votes": (lambda labels, mask=None: u.Plurality(labels, "a", mask=mask), lambda s: float(shared_vote(s) == 1)),
    "shared votes": (lambda labels, mask=None: u.Plurality(labels, "a", ties="shared", mask=mask), shared_vote),
}
every_game = pytest.mark.parametrize("name", GAMES)
TREES: list[Any] = [[[0, 2], [1, 3]], [[[0, 3], 1], [2]]]


def games_of(rows: list[list[Any]], mask: Any, worth: Callable[[Sequence[Any]], float]) -> list[oracle.Game]:
    def game(row: list[Any], here: Sequence[bool]) -> oracle.Game:
        return lambda members: Fraction(worth([row[i] for i in members if here[i]]))

    return [game(row, here) for row, here in zip(rows, mask, strict=True)]


ROWS = st.lists(st.lists(st.sampled_from(["a", "b", "c", None]), min_size=4, max_size=4), min_size=1, max_size=3)


@every_game
@every_role
@few
@given(data=st.data(), rows=ROWS)
def test_members_without_a_label_are_null_players(name: str, role: str, data: st.DataObject, rows: list[list[Any]]) -> None:
    make, worth = GAMES[name]
    masked = data.draw(st.booleans())
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=4 * len(rows), max_size=4 * len(rows)))).reshape(-1, 4)
    utility = make(rows, mask=mask if masked else None)
    games = games_of(rows, mask | (not masked), worth)
    order = data.draw(st.permutations(range(4)))
    with using(role):
        found: dict[str, tuple[Any, Callable[[oracle.Game], list[Fraction]]]] = {
            "shapley": (sc.set_shapley(utility), lambda v: oracle.shapley(v, 4)),
            "owen": (sc.owen(utility, TREES[0]), lambda v: oracle.owen(v, TREES[0], 4)),
            "winter": (sc.owen(utility, TREES[1]), lambda v: oracle.winter(v, TREES[1], 4)),
            "order": (sc.marginal_vector(utility, order=order), lambda v: in_order(v, order)),
        } | {
            str(rule): (sc.set_semivalue(utility, rule), partial(oracle.semivalue, k=4, p=weights(4)))
            for rule, weights in RULES
            if rule.ignores_absent
        }
    for told, (credit, by_definition) in found.items():
        expected = [[float(x) for x in by_definition(game)] for game in games]
        assert_allclose(credit, expected, rtol=0, atol=1e-12, err_msg=told)
        assert not np.any(credit[np.array(rows) == None]), told  # noqa: E711 - of an array of objects
    for row, game in enumerate(games):
        for members in ([0, 1, 2, 3], [1, 3], []):
            assert utility.value(members)[row] == pytest.approx(float(game(tuple(members))), abs=1e-14)


def in_order(game: oracle.Game, order: Sequence[int]) -> list[Fraction]:
    added = [Fraction(0)] * len(order)
    for place, member in enumerate(order):
        before = tuple(sorted(order[:place]))
        added[member] = game(tuple(sorted((*before, member)))) - game(before)
    return added


@every_game
@few
@given(row=st.lists(st.sampled_from(["a", "b", None]), min_size=5, max_size=5))
def test_on_a_line_they_keep_their_place(name: str, row: list[Any]) -> None:
    make, worth = GAMES[name]
    expected = sc.connected_shapley(lambda members: worth([row[i] for i in members]), 5)
    assert_allclose(sc.connected_shapley(make([row]))[0], expected, rtol=0, atol=1e-12)


@every_game
def test_semivalues_that_count_members_by_size(name: str) -> None:
    make, worth = GAMES[name]
    row = ["a", None, "b", "a", "c"]
    rule, weights = semivalues.of_size(2), [0.0, 0.25, 0.0, 0.0, 0.0]
    if name == "DistinctCount":
        expected = oracle.semivalue(games_of([row], [[True] * 5], worth)[0], 5, [Fraction(p) for p in weights])
        assert_allclose(sc.set_semivalue(make([row]), rule)[0], [float(x) for x in expected], atol=1e-14)
        return
    with pytest.raises(sc.InputError, match="counts members by size"):
        sc.set_semivalue(make([row]), rule)


@every_game
def test_missing_labels_go_where_a_utility_goes(name: str) -> None:
    make, _ = GAMES[name]
    rows = [["a", "b", None, "a", "c"], ["a", "a", "b", "b", "a"], [None] * 5]
    utility = make(rows)
    credit = sc.set_shapley(utility)
    assert not credit[2].any()
    assert_array_equal(sc.set_shapley(utility[0]), credit[0])
    assert_array_equal(sc.set_shapley(pickle.loads(pickle.dumps(utility))), credit)
    assert_array_equal(sc.set_shapley(make([rows[0]]).over((2,)))[1], credit[0])
    both = sc.set_shapley(utility + u.Cardinality(np.arange(6.0)))  # there, and counted by other terms
    assert_allclose(both, credit + 1, rtol=1e-14)
    masked = sc.set_shapley(make(rows, mask=np.array(rows) != None))  # noqa: E711
    assert_array_equal(masked, credit)


# What is refused.


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: u.DistinctCount([{"a": 1}, 2]), "a label of type dict can't be compared with others.*Use strings"),
        (lambda: u.Plurality([1, 2], {1}), "a label of type set can't be compared"),
        (lambda: u.DistinctCount("abc"), r"labels must be a list or an array \[..., G\] of answers; got str"),
        (lambda: u.DistinctCount(None), "labels of DistinctCount is None; it needs an array"),
        (lambda: u.Plurality(["a"], None), "target of Plurality is None"),
        (lambda: u.DistinctCount(np.ma.masked_array([1, 2])), "masked array, whose mask would be lost"),
        (lambda: u.DistinctCount(["a", None], mask=[True]), r"mask of shape \(1,\) must be"),
        (lambda: u.Plurality([["a", "b"]] * 2, ["a"] * 3), "leading axes do not broadcast"),
        (lambda: u.DistinctCount([]), "no candidates"),
    ],
)
def test_labels_that_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(sc.InputError, match=message):
        make()
