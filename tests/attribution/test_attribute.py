"""Credits of items: those of the game of kept lists, every list asked once, and nothing lost."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import semivalues
from shapley_credit.attribution.items import read_items
from shapley_credit.attribution.step_plans import step_plans
from shapley_credit.blackbox.plan import Plan

WORDS = ["ant", "bee", "cat", "dog", "elk", "fox"]
UNIONS = [["ant", "dog"], ["bee", "cat"], ["elk", "fox"]]
MORE = [*WORDS, "gnu", "hen"]
PLACE = {word: i for i, word in enumerate([*MORE, "ibis", "jay", "kea", "lark"])}


def worth(kept: list[str]) -> float:
    """A game without symmetries, 0.5 for nothing."""
    places = [PLACE[word] for word in kept]
    return 0.5 + (sum(i * i + 1 for i in places) % 7) / 3 + sqrt(len(kept))


def of_indices(coalition: tuple[int, ...]) -> float:
    return worth([WORDS[i] for i in coalition])


def of_lists(lists: list[list[str]]) -> list[float]:
    return [worth(kept) for kept in lists]


class Counted:
    """The same game; it counts its calls, and spoils what it was given."""

    def __init__(self) -> None:
        self.calls: Counter[tuple[str, ...]] = Counter()

    def __call__(self, kept: list[str]) -> float:
        self.calls[tuple(kept)] += 1
        value = worth(kept)
        kept.clear()
        return value


def same_bits(one: sc.Attribution, two: sc.Attribution) -> bool:
    return one == two and (one.values.tobytes(), one.stderr.tobytes()) == (two.values.tobytes(), two.stderr.tobytes())


def test_credits_are_exact_and_every_kept_list_is_asked_once() -> None:
    score = Counted()
    found = sc.attribute(WORDS, score)
    assert found.values.tobytes() == sc.plan(6).solve(sc.evaluate(of_indices, sc.plan(6))).values.tobytes()
    assert np.allclose(found.values, sc.set_shapley(of_indices, 6), rtol=1e-12, atol=0.0)
    assert found.names == tuple(WORDS)
    assert (found.empty, found.whole) == (0.5, worth(WORDS))
    assert set(score.calls.values()) == {1}
    assert len(score.calls) == found.evaluations == 64
    assert {(), tuple(WORDS), ("bee", "elk")} <= set(score.calls)
    assert not found.stderr.any()


@pytest.mark.parametrize("levels", [None, (semivalues.banzhaf, semivalues.shapley)], ids=["shapley", "banzhaf above"])
def test_items_in_unions_have_owen_values(levels: Any) -> None:
    found = sc.attribute(WORDS, worth, unions=UNIONS, levels=levels)
    wanted = sc.owen(of_indices, [[0, 3], [1, 2], [4, 5]], 6, levels=levels)
    assert np.allclose(found.values, wanted, rtol=1e-12, atol=0.0)
    assert found.evaluations < 64


def test_another_semivalue_without_unions() -> None:
    found = sc.attribute(WORDS, worth, levels=[semivalues.banzhaf])
    assert np.allclose(found.values, sc.set_semivalue(of_indices, semivalues.banzhaf, 6), rtol=1e-12, atol=0.0)


def test_equal_texts_are_asked_once_and_are_members_of_their_own() -> None:
    score = Counted()
    found = sc.attribute(["ant", "ant", "bee"], score)
    assert set(score.calls) == {(), ("ant",), ("ant", "ant"), ("bee",), ("ant", "bee"), ("ant", "ant", "bee")}
    assert set(score.calls.values()) == {1}
    assert found.names == ("ant (1)", "ant (2)", "bee")
    assert found.values[0] == pytest.approx(found.values[1], rel=1e-12)


def test_a_score_sees_the_items_themselves() -> None:
    """Also those that have no hash, and those that are equal and not alike."""
    items: list[Any] = [{"text": "a"}, [1], 1, True, np.arange(2)]
    seen: list[list[Any]] = []

    def score(kept: list[Any]) -> float:
        seen.append(kept)
        return float(len(kept))

    found = sc.attribute(items, score, unions=[0, 0, 1, 1, 1])
    assert len(seen) == found.evaluations
    for row, kept in zip(found.coalitions, seen, strict=True):
        assert [id(item) for item in kept] == [id(item) for item, inside in zip(items, row, strict=True) if inside]
    assert found.names == ("0", "1", "2", "3", "4")


ASKED: dict[str, Callable[[Any], sc.Attribution]] = {
    "batched": lambda cache: sc.attribute(WORDS, sc.batched(of_lists), budget=40, seed=3, batch_size=7, cache=cache),
    "threads": lambda cache: _in_threads(sc.batched(of_lists), cache),
    "awaited": lambda cache: asyncio.run(sc.aattribute(WORDS, _later, budget=40, seed=3, max_concurrency=3, cache=cache)),
}


def _in_threads(score: Any, cache: Any) -> sc.Attribution:
    with ThreadPoolExecutor(2) as pool:
        return sc.attribute(WORDS, score, budget=40, seed=3, executor=pool, cache=cache)


async def _later(kept: list[str]) -> float:
    await asyncio.sleep(0)
    return worth(kept)


@pytest.mark.parametrize("name", list(ASKED))
def test_any_way_of_asking_gives_the_same_bits(name: str) -> None:
    wanted = sc.attribute(WORDS, worth, budget=40, seed=3)
    assert wanted.stderr.max() > 0
    assert same_bits(ASKED[name](None), wanted)
    answers = {
        tuple(WORDS[i] for i in np.flatnonzero(row)): worth([WORDS[i] for i in np.flatnonzero(row)])
        for row in wanted.coalitions
    }
    assert same_bits(ASKED[name](answers), wanted)
    assert len(answers) == 40


@pytest.mark.parametrize("score", [worth, sc.batched(of_lists)], ids=["one", "many"])
def test_another_process_can_be_asked(score: Any) -> None:
    value = pickle.loads(pickle.dumps(read_items(WORDS, None, None, None).value(score)))
    question: Any = ("ant", "fox")
    answer = value.function([question])[0] if isinstance(score, sc.batched) else value(question)
    assert answer == worth(["ant", "fox"])


def test_a_budget_makes_estimates_that_go_on_where_they_stopped() -> None:
    score = Counted()
    short = sc.attribute(WORDS, score, budget=22, method="antithetic", seed=2)
    asked = score.calls.total()
    assert asked == short.evaluations <= 22
    assert (short.stderr > 0).all()
    longer = short.extend(30)
    assert isinstance(longer, sc.Attribution)
    assert set(score.calls.values()) == {1}
    assert score.calls.total() == longer.evaluations > asked
    assert [evaluations for evaluations, _ in longer.trace] == [asked, longer.evaluations]
    assert np.array_equal(longer.scores, sc.attribute(WORDS, worth, budget=52, method="antithetic", seed=2).scores)
    later = asyncio.run(sc.aattribute(WORDS, _later, budget=22, method="antithetic", seed=2))
    assert same_bits(asyncio.run(later.aextend(30)), longer)


STEPS: dict[str, tuple[list[str], dict[str, Any], int]] = {
    "exact at last": (MORE, {}, 3),
    "unions": ([*MORE, "ibis", "jay"], {"unions": [0] * 7 + [1] * 3, "budget": 2000}, 3),
    "kriging": (MORE, {"budget": 200, "seed": 4}, 3),
    "no more than the first step": (MORE, {"budget": 81}, 1),
    "adjusted at last": ([*MORE, "ibis", "jay", "kea", "lark"], {"budget": 2500}, 5),
    "antithetic": (MORE, {"budget": 250, "method": "antithetic"}, 2),
    "too few for an estimate": (WORDS[:2], {}, 1),
}


@pytest.mark.parametrize("case", list(STEPS))
def test_progress_asks_for_new_lists_only_and_ends_as_attribute(case: str) -> None:
    items, named, steps = STEPS[case]
    score, evaluations = Counted(), []
    for found in sc.attribute_progress(items, score, **named):
        evaluations.append(found.evaluations)
        assert score.calls.total() == len(score.calls) == found.evaluations
        assert [asked for asked, _ in found.trace] == evaluations
    whole = sc.attribute(items, worth, **named)
    assert (found.values.tobytes(), found.evaluations) == (whole.values.tobytes(), whole.evaluations)
    assert evaluations == sorted(set(evaluations))
    assert len(evaluations) == steps


@pytest.mark.parametrize(
    ("plan", "methods"),
    [
        (sc.plan(16, budget=10_000), ["kriging"] * 3 + ["adjusted"] * 4),
        (sc.plan(16, budget=3000, method="rotation"), ["rotation"] * 4),
        (sc.plan([[*range(9)], [*range(9, 16)]]), ["kriging"] * 4 + ["exact"]),
        (sc.plan(200, budget=9000), ["adjusted"] * 3),
    ],
    ids=["adjusted", "rotation", "unions", "many members"],
)
def test_each_step_asks_some_of_what_the_next_one_asks(plan: Plan, methods: list[str]) -> None:
    steps = [*step_plans(plan)]
    assert [step.method for step in steps] == methods
    assert steps[-1] is plan
    asked = [{row.tobytes() for row in step.coalitions} for step in steps]
    assert all(few < more for few, more in pairwise(asked))


def test_the_first_step_is_one_to_rely_on() -> None:
    """Few calls fit a game that is far from this one."""
    items = [f"item {i}" for i in range(30)]

    def score(kept: list[str]) -> float:
        right = ("item 0" in kept) + ("item 1" in kept or "item 2" in kept) * 0.5
        return right * (0.5 if "item 3" in kept else 1.0)

    exact = sc.attribute(items[:4], score).values
    first = next(sc.attribute_progress(items, score, budget=500))
    least = sc.attribute(items, score, budget=64)
    assert first.evaluations == 256
    assert np.abs(first.values[:4] - exact).max() < 0.03 < 0.1 < np.abs(least.values[:4] - exact).max()


def test_who_leaves_the_loop_pays_for_no_more() -> None:
    score = Counted()
    found = next(sc.attribute_progress(MORE, score))
    assert score.calls.total() == found.evaluations == 80
    assert found.stderr.max() > 0
    with pytest.raises(sc.InputError, match="items must be a list"):
        sc.attribute_progress([], score)  # at once, before the first step


def test_too_many_sets_without_a_budget_are_refused_before_any_is_asked() -> None:
    score = Counted()
    items = [f"item {i}" for i in range(13)]
    message = r"exact credit of 13 items takes 8,192 calls.*at most 4,096.*budget=.*130 for a start.*unions="
    for verb in (sc.attribute, sc.attribute_progress):
        with pytest.raises(sc.InputError, match=message):
            verb(items, score)
    assert not score.calls
    assert sc.attribute(items, lambda kept: float(len(kept)), unions=[i // 4 for i in range(13)]).evaluations < 4096
    assert sc.attribute(items[:12], sc.batched(lambda lists: [float(len(kept)) for kept in lists])).evaluations == 4096
    assert sc.attribute(items, sc.batched(lambda lists: [0.0] * len(lists)), budget=8192).method == "exact"


JUNK: dict[str, Callable[[], Any]] = {"raises": lambda: 1 / 0, "None": lambda: None, "nan": lambda: float("nan")}


@pytest.mark.parametrize("kind", list(JUNK))
def test_what_was_paid_for_is_kept_when_a_score_fails(kind: str) -> None:
    score = Counted()

    def fails(kept: list[str]) -> Any:
        return JUNK[kind]() if kept == ["ant", "bee"] else score(kept)

    with pytest.raises(sc.EvaluationError) as caught:
        sc.attribute(WORDS, fails, retries=1, backoff=0.0)
    assert caught.value.coalition == (0, 1)
    assert " for the set ['ant', 'bee'];" in str(caught.value)
    assert score.calls.total() == len(caught.value.answers) == 63
    again = Counted()
    found = sc.attribute(WORDS, again, cache=caught.value.answers)
    assert set(again.calls) == {("ant", "bee")}
    assert same_bits(found, sc.attribute(WORDS, worth))


def test_a_set_without_a_score_is_told_by_its_items_and_by_its_plan_where_there_are_many() -> None:
    with pytest.raises(sc.EvaluationError, match=r"raised NameError: .* for the empty set; 64 of 64 coalitions"):
        sc.attribute(WORDS, lambda kept: kepd)  # type: ignore[name-defined]  # noqa: F821
    plans = [sc.plan(2), sc.plan([["ann"], ["bob"]])]
    with pytest.raises(sc.EvaluationError, match=r"for the set \['ann'\] of plan 1; 1 of 8"):
        sc.evaluate(lambda asked: 1 / (asked != (1, (0,))), plans, request=lambda *asked: asked, retries=0)


def test_what_was_paid_for_objects_without_names_is_found_by_the_names_that_the_message_tells() -> None:
    things: list[Any] = [{"word": "ant"}, "bee", {"word": "cat"}]

    def fails(kept: list[Any]) -> float:
        return 1 / (len(kept) - 3)

    with pytest.raises(sc.EvaluationError) as caught:
        sc.attribute(things, fails, retries=0)
    with pytest.raises(sc.InputError, match=r"answers of an EvaluationError.*names=\['0', 'bee', '2'\]"):
        sc.attribute(things, len, cache=caught.value.answers)
    asked = sc.attribute(things, len, cache=caught.value.answers, names=["0", "bee", "2"]).scores
    assert sorted(asked.tolist()) == [-1.0, -1.0, -1.0, -0.5, -0.5, -0.5, -1 / 3, 3.0]  # 3: the only list that was asked again


def test_the_budget_for_a_start_is_one_that_is_taken() -> None:
    for count, start in ((205, 2448), (204, 2040)):  # those of "adjusted", of kriging
        with pytest.raises(sc.InputError, match=f"{start} for a start"):
            sc.attribute([*range(count)], len)
        assert sc.plan(count, budget=start).budget == start
    with pytest.raises(sc.InputError, match=r"'adjusted' needs .* 2,448 evaluations.*'kriging' needs 414"):
        sc.attribute([*range(205)], len, budget=2100)


def test_a_cache_on_disk_finds_texts_by_what_they_say_and_others_by_their_names(tmp_path: Path) -> None:
    score = Counted()
    with sc.Cache(tmp_path / "answers.db", name="worth", version="1") as cache:
        first = sc.attribute(WORDS, score, cache=cache)
        fewer = sc.attribute(WORDS[2:], score, cache=cache, names=["a", "b", "c", "d"])
        assert score.calls.total() == first.evaluations == 64
        assert fewer.evaluations == 16
        things = [{"word": word} for word in WORDS]
        with pytest.raises(sc.InputError, match=r"\{'word': 'ant'\} is of type dict\. Give names="):
            sc.attribute(things, lambda kept: 0.0, cache=cache)
        with pytest.raises(sc.InputError, match=r"0 is of type int\. Give names="):  # the first of any list
            sc.attribute([*range(6)], lambda kept: 0.0, cache=cache)
        known = sc.attribute(things, lambda kept: 1 / 0, cache=cache, names=WORDS)
        assert known.values.tobytes() == first.values.tobytes()


def test_scores_that_do_not_fit_the_verb() -> None:
    with pytest.raises(sc.InputError, match=r"asynchronous.*found = await sc\.aattribute\(items, score\)"):
        sc.attribute(WORDS, _later)
    with pytest.raises(sc.InputError, match=r"await sc\.aattribute\(items, score\).*await found\.aextend\(100\)"):
        next(sc.attribute_progress(WORDS, _later))
    with pytest.raises(sc.InputError, match=r"not asynchronous.*found = sc\.attribute\(items, score\)"):
        asyncio.run(sc.aattribute(WORDS, worth))  # type: ignore[arg-type]
    with pytest.raises(sc.InputError, match="score must be a function of the list of items that are kept"):
        sc.attribute(WORDS, 3.0)  # type: ignore[arg-type]


def test_copies_and_comparisons() -> None:
    found = sc.attribute(WORDS, worth, budget=20)
    for other in (pickle.loads(pickle.dumps(found)), copy.copy(found), copy.deepcopy(found)):
        assert type(other) is sc.Attribution
        assert same_bits(other, found)
        assert hash(other) == hash(found)
        assert other.names == tuple(WORDS)
    assert copy.deepcopy(found).extend(10) == found.extend(10)
    with pytest.raises(sc.InputError, match="knows no utility to ask"):
        pickle.loads(pickle.dumps(found)).extend(10)
    assert found != sc.attribute(WORDS, lambda kept: worth(kept) * 2, budget=20)
    assert found != sc.plan(6, budget=20).solve(found.scores)
    one, two = sc.attribute(["ant"], len), sc.attribute(["ant"], lambda kept: len(kept) + 5.0)
    assert (one.values.tolist(), two.values.tolist()) == ([1.0], [1.0])
    assert one != two
    assert sc.attribute(WORDS, len) != sc.attribute(WORDS, len, unions=[0, 0, 0, 0, 0, 1])
    assert repr(found).startswith("Attribution(k=6, evaluations=20, method='kriging'")
