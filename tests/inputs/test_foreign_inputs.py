"""What can't be read as numbers, names or texts is refused in the library's own words, at every entrance.

An entrance is a function of one argument, the others being good. Whatever stands in its place is read or refused; an error of
NumPy, torch or Python that comes through is a defect, and so is a number that was made of what is none.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import given
from hypothesis import strategies as st
from shapley_credit import Cache
from shapley_credit import utilities as u
from shapley_credit.credit import segments
from shapley_credit.credit.rules import segment_advantages
from shapley_credit.inputs.checks import flags, number, one_of, text_of, whole_numbers
from shapley_credit.methods import ospo, shape_grpo, windows

from entrances import ALL, NUMBERS, OPTIONS, PARTS, PLACES, TEXTS, Entrance, outcome, rule_of, shape, tokens_of
from foreign_objects import NO_NUMBERS, ODD, Frame, Hostile, Tracer


@pytest.mark.filterwarnings("ignore:Warning. converting a masked element")
@pytest.mark.parametrize("name", ALL)
def test_no_error_of_others_comes_through(name: str) -> None:
    for odd in ODD.values():
        outcome(ALL[name], odd)


@pytest.mark.parametrize("name", [*NUMBERS, *OPTIONS])
def test_what_is_no_number_gives_none(name: str) -> None:
    for told, odd in NO_NUMBERS.items():
        assert outcome(ALL[name], odd) is None, told


@pytest.mark.parametrize("name", [*OPTIONS, *(name for name in TEXTS if name not in ("group",))])
def test_names_and_texts_are_strings(name: str) -> None:
    for told, odd in ODD.items():
        assert isinstance(odd, str) or outcome(ALL[name], odd) is None, told


@pytest.mark.parametrize("name", ["floor", "floor of tokens"])
@pytest.mark.parametrize("odd", [True, 0, -1.0, float("nan"), float("inf"), "1", None, [1.0], np.array(1.0)], ids=str)
def test_a_floor_is_a_number_above_0(name: str, odd: Any) -> None:
    with pytest.raises(sc.InputError, match="floor must be positive"):
        NUMBERS[name](odd)


@pytest.mark.parametrize("odd", [True, 2.5, -4, 0, 3, float("nan"), None], ids=str)
def test_groups_are_ids_or_a_count(odd: Any) -> None:
    with pytest.raises(sc.InputError, match="groups"):
        sc.advantages([1.0] * 4, odd)


@pytest.mark.parametrize("odd", [[0.5, 1.0, 1.0, 1.0], [1, float("nan"), 1, 1], [1, 1, 1, 2]], ids=str)
def test_flags_are_flags(odd: Any) -> None:
    for entrance in ("present", "present, mean", "row of present of shape"):
        with pytest.raises(sc.InputError, match=r"must be booleans or all 0 and 1; got \["):
            NUMBERS[entrance](odd)
    wanted = shape_grpo.shape_credit([1.0, 2.0, 3.0, 4.0], present=[True, False, True, True])
    assert shape_grpo.shape_credit([1.0, 2.0, 3.0, 4.0], present=[1.0, 0.0, 1.0, 1.0]).tolist() == wanted.tolist()


def test_a_mask_holds_no_nan() -> None:
    for mask in ([[1.0, float("nan")]], np.array([[1.0, float("nan")]])):
        with pytest.raises(sc.InputError, match=r"mask .*NaN"):
            sc.token_advantages([1.0], mask)
    with pytest.raises(sc.InputError, match=r"mask .*NaN"):
        PARTS.stretches(PLACES, [1.0, float("nan"), 1.0, 1.0])


@pytest.mark.parametrize("ends", [[1, 6], [0, 4, 2, 6], [0, 5], [0, 9], [], [[0, 6]], 6], ids=str)
def test_packed_rows_ascend_from_0_to_the_end(ends: Any) -> None:
    with pytest.raises(sc.InputError, match="cu_seqlens must ascend from 0"):
        sc.scatter_credit([[1.0]], np.ones(6), cu_seqlens=ends)


# Whole numbers: one reading for all of them.

WHOLE: dict[str, Entrance] = {
    "cu_seqlens": lambda x: sc.scatter_credit([[1.0], [2.0]], np.ones(2), cu_seqlens=x([0, 1, 2])),
    "segment_lengths": lambda x: tokens_of(segment_lengths=[x([2])] * 4),
    "segment_order": lambda x: tokens_of(segment_order=[x([0])] * 4),
    "lengths of a rule": lambda x: rule_of(segment_lengths=[x([2])] * 4, baseline="length_weighted"),
    "offsets": lambda x: PARTS.stretches(x(PLACES))[0],
    "candidates": lambda x: shape(candidates=[x([0, 1, 2, 3])]),
    "lengths of candidates": lambda x: shape(lengths=[x([1, 1, 1, 1])]),
    "members": lambda x: np.array(PARTS.render(x([0, 2]))),
    "spans": lambda x: segments.segment("abc", lambda text: x([(0, 1), (1, 2)])).members,
    "phrases": lambda x: windows.window_rewards([1.0, 2.0], x([(0, 1), (1, 2)]), [(0, 2), (0, 1)], 1.0),
    "itself": lambda x: whole_numbers(x([1, 2]), "numbers"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_numbers_are_integers_of_any_kind(name: str) -> None:
    read = WHOLE[name]
    wanted = np.asarray(read(lambda given: given))
    for kind in (np.int64, np.int8, np.uint64, np.uint8, ">i4"):
        assert np.array_equal(read(lambda given, kind=kind: np.array(given, kind)), wanted), kind


@pytest.mark.parametrize("name", WHOLE)
def test_nothing_else_is_a_whole_number(name: str) -> None:
    def beyond(given: list[Any], odd: int) -> Any:
        changed = np.array(given, object)
        changed.reshape(-1)[-1] = odd
        return changed

    spoilt: dict[str, Entrance] = {
        "whole floats": lambda given: np.array(given, np.float64),
        "flags": lambda given: np.array(given, np.int64) == 1,
        "texts": lambda given: np.array(given, str),
        "beyond int64": lambda given: beyond(given, 2**63 + 2).astype(np.uint64),
        "beyond 64 bits": lambda given: beyond(given, 2**70),
        "NaN": lambda given: np.array(given, np.float64) * float("nan"),
    }
    for told, change in spoilt.items():
        if name != "members" or told != "flags":  # which are members too
            with pytest.raises(sc.InputError):
                WHOLE[name](change)
            assert told


def test_readings_of_options() -> None:
    assert whole_numbers([], "numbers").dtype == np.int64
    with pytest.raises(
        sc.InputError, match=r"numbers must be integers, at most 2\*\*63 - 1; found 9223372036854775810 at \[1\]"
    ):
        whole_numbers(np.array([1, 2**63 + 2], np.uint64), "numbers")
    with pytest.raises(
        sc.InputError, match=r"numbers must be integers; found -1 at \[0\] of shape \(1,\). None may be below 0"
    ):
        whole_numbers([-1], "numbers", least=0)
    assert flags(np.array([True, False], object), "flags").tolist() == [True, False]
    assert number(np.float32(0.5), "a share", lambda share: share < 1) == 0.5
    with pytest.raises(sc.InputError, match="a share; got True"):
        number(True, "a share", lambda share: share < 1)
    with pytest.raises(sc.InputError, match=r"colour must be one of red, blue; got \['red'\]"):
        one_of(["red"], ("red", "blue"), "colour")
    with pytest.raises(sc.InputError, match="text must be a string; got an object of type Hostile of type Hostile"):
        text_of(Hostile())


# Arrays that are read where that is right.


def test_a_frame_is_read_as_rows_by_columns() -> None:
    frame: Any = Frame()
    assert sc.set_shapley(u.Max(frame)).tolist() == sc.set_shapley(u.Max(np.asarray(frame))).tolist()
    rows = segment_advantages(frame, 2, scale="none")
    assert [row.tolist() for row in rows] == [row.tolist() for row in segment_advantages(np.asarray(frame), 2, scale="none")]
    mask: Any = Frame()
    text = segments.segment("ab", segments.matching("."))
    places = [[(0, 1), (1, 2)]] * 2
    wanted = ospo.ospo([text, text], len, np.ones((2, 2)), places, groups=2)
    assert np.array_equal(ospo.ospo([text, text], len, mask, places, groups=2), wanted)


def test_a_matrix_is_an_array() -> None:
    matrix = np.array([[1.0, 3.0]]).view(np.matrix)
    assert sc.set_shapley(u.Max(matrix)).tolist() == [[0.5, 2.5]]
    assert type(sc.set_shapley(u.Max(matrix))) is np.ndarray
    assert segment_advantages(matrix, 1, baseline="none", scale="none")[0].tolist() == [1.0, 3.0]


def test_masks_of_rows_are_not_lost() -> None:
    row = np.ma.array([1.0, 2.0], mask=[False, True])
    for rows in ([row], [[row]], (row, row)):
        with pytest.raises(sc.InputError, match="scores holds masked arrays, whose masks would be lost"):
            u.Max(rows)
    with pytest.raises(sc.InputError, match="masked array"):
        segment_advantages([row, row], 2)


def test_half_characters_are_shown_as_they_are_written() -> None:
    for call in (
        lambda: one_of("\ud800", ("a",), "name"),
        lambda: segments.sentences("\ud800"),
        lambda: sc.advantages([1.0], 1, baseline="\ud800"),
    ):
        with pytest.raises(sc.InputError, match=r"got '\\ud800'") as refused:
            call()
        str(refused.value).encode()


# Junk of any make.

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 5),
    st.sampled_from([2**63, 2**70, 0.5, float("nan"), float("inf"), "a", "\ud800", b"a", 1j, np.float32(1), np.uint64(2**63)]),
    st.sampled_from([np.array(1.0), np.zeros(0), np.ones(2), np.array([[1, 0]]), np.array(["a"]), np.array([None]), Tracer()]),
)
JUNK = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.tuples(inner, inner), st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    ),
    max_leaves=8,
)


@pytest.mark.filterwarnings("ignore:Warning. converting a masked element")
@pytest.mark.parametrize("name", ALL)
@given(junk=JUNK)
def test_junk_is_read_or_refused(name: str, junk: Any) -> None:
    outcome(ALL[name], junk)


@pytest.mark.parametrize("path", ["\ud800", "a\0b", 3, None, 1.5, []], ids=repr)
def test_a_cache_has_a_path(path: Any) -> None:
    with pytest.raises(sc.InputError, match="path of a cache must be"):
        Cache(path, name="a", version="1")


def test_keys_of_a_cache_have_any_number_of_digits(tmp_path: Path) -> None:
    with Cache(tmp_path / "answers", name="a", version="1") as cache:
        for key in (10**5000, -(10**5000), "\ud800", ("\ud800", 2)):
            cache[key] = 2.0
            assert cache[key] == 2.0
            assert key in list(cache)
