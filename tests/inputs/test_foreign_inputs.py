"""What can't be read as numbers, names or texts is refused in the library's own words, at every entrance.

An entrance is a function of one argument, the others being good. Whatever stands in its place is read or refused; an error of
NumPy, torch or Python that comes through is a defect, and so is a number that was made of what is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import given
from hypothesis import strategies as st
from shapley_credit import utilities as u
from shapley_credit.blackbox import Cache
from shapley_credit.credit import segments
from shapley_credit.credit.rules import rule_tokens, segment_advantages
from shapley_credit.inputs.checks import flags, number, one_of, text_of, whole_numbers
from shapley_credit.methods import gapo, ospo, shape_grpo, windows

Entrance = Callable[[Any], Any]


class Tracer:
    """An array of a function that a library traces, as jax.jit does: it has a shape and no values."""

    shape, ndim, size, dtype = (4,), 1, 4, np.dtype(np.float32)

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("The numpy.ndarray conversion method __array__() was called on traced array with shape float32[4]")

    def __len__(self) -> int:
        return 4

    def __iter__(self) -> Iterator[Any]:
        return iter([self] * 4)


class Exporting(Tracer):
    """The same of a library whose arrays export their memory."""

    def __dlpack__(self, **options: Any) -> Any:
        raise RuntimeError("a tracer has no buffer")

    def __dlpack_device__(self) -> tuple[int, int]:
        raise RuntimeError("a tracer is on no device")


class Frame:
    """A data frame: as an array rows by columns, as an iterator the names of its columns."""

    columns, shape, ndim = ("a", "b"), (2, 2), 2

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array([[1.0, 3.0], [2.0, 4.0]])

    def __len__(self) -> int:
        return 2

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)


class Hostile:
    """An object whose every answer is an error."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise KeyError("no array")

    def __repr__(self) -> str:
        raise KeyError("no name")

    def __bool__(self) -> bool:
        raise KeyError("no truth")


# Nothing of this is a number, nor four of them.
NO_NUMBERS: dict[str, Any] = {
    "tracer": Tracer(),
    "exporting tracer": Exporting(),
    "tracers": [Tracer()] * 4,
    "hostile": Hostile(),
    "masked": np.ma.array([1.0, 2.0, 3.0, 4.0], mask=[False, True, False, False]),
    "rows that are masked": [np.ma.array([1, 1, 1, 1], mask=[False, True, False, False])],
    "structured": np.zeros(4, [("a", float)]),
    "records": np.rec.array([(1.0, 2.0)] * 4, dtype=[("a", float), ("b", float)]),
    "dates": np.array(["2020-01-01"] * 4, "datetime64[D]"),
    "spans of time": np.ones(4, "timedelta64[s]"),
    "complex": np.ones(4) * 1j,
    "complex list": [1j, 2.0, 3.0, 4.0],
    "text": "abcd",
    "bytes": b"abcd",
    "texts": ["a", "b", "c", "d"],
    "half characters": ["\ud800"] * 4,
    "half a character": "\ud800",
    "objects": np.array([1.0, None, 2.0, "a"], object),
    "dict": {0: 1.0},
    "set": {1.0, 2.0},
    "class": Frame,
    "function": len,
    "None within": [None, 1.0, 2.0, 3.0],
    "dots": ...,
    "huge": [2**70, 1, 2, 3],
}
# Numbers, flags and options of all kinds, right at some entrances and wrong at others.
ODD: dict[str, Any] = {
    **NO_NUMBERS,
    "None": None,
    "True": True,
    "2.5": 2.5,
    "-1": -1,
    "NaN": float("nan"),
    "infinite": float("inf"),
    "empty": [],
    "empty row": [[]],
    "number": 3,
    "numbers": [1.0, 2.0, 3.0, 4.0],
    "halves": [0.5, 0.5, 0.5, 0.5],
    "flags": [True, False, True, True],
    "ragged": [[1.0, 2.0], [3.0]],
    "deep": [[[1.0], [2.0]], [[3.0], [4.0]]],
    "descending": [4, 2, 0],
    "far": [0, 2, 2**62],
    "unsigned": np.array([2**63 + 1, 1, 2, 3], np.uint64),
    "matrix": np.array([[1.0, 2.0, 3.0, 4.0]]).view(np.matrix),
    "frame": Frame(),
    "frames": [Frame()],
    "rows of None": [None] * 4,
    "rows of text": [["a"], ["b"], ["c"], ["d"]],
    "rows of dicts": [{}, {}, {}, {}],
    "long doubles": np.ones(4, np.longdouble),
    "range": range(4),
}

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


def test_the_way_out_of_a_trace_is_named() -> None:
    for odd in (Tracer(), Exporting()):
        with pytest.raises(sc.InputError, match=r"(?s)scores of type .* can't be read as a dense array: .*jax.pure_callback"):
            u.Max(odd)


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
