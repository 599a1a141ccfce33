"""List picking by a language model: lists, which answers are valid, figures of them, and rules of credit for a group."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import combinations
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

pytestmark = [pytest.mark.torch, pytest.mark.checkout]

sys.path.append(str(Path(__file__).parents[2]))  # where the experiments are; behind everything that is installed
from benchmarks.learning.llm import listing, lists, paying, picking  # noqa: E402
from benchmarks.learning.llm.samples import Samples  # noqa: E402
from benchmarks.learning.llm.tasks import TASKS  # noqa: E402

sys.path.pop()

Array = NDArray[Any]
ITEMS = ["a", "b", "c", "d"]
TASK = TASKS["listing"]
LAST = ["a", "a", "a", "b"]  # what the last group has said
GROUPS = {
    "one copy": (["a", "b", "x", "a", "c"], [1, 1, 0, 1, 1]),
    "equals": (["b"] * 4, [1] * 4),
    "not ended": (["a", "a", "d", "d", "d"], [1, 0, 1, 1, 0]),
    "none valid": (["x", "y", "a"], [0, 0, 0]),
}


def group(name: str, earlier: list[str] | None = None) -> picking.Group:
    """Answers of one to three tokens."""
    answers, valid = GROUPS[name]
    owners = [np.full(1 + place % 3, -1) for place in range(len(answers))]
    return picking.Group(answers, np.array(valid, np.bool_), ITEMS, earlier or [], owners)


def test_lists_are_apart_and_stand_in_their_prompts() -> None:
    assert len(lists.TRAINED) == len(lists.UNSEEN) == 6
    kinds = [*lists.TRAINED, *lists.UNSEEN, *lists.EXAMPLES]
    assert len(set(kinds)) == len(kinds)
    every = [item for kind in (*lists.TRAINED, *lists.UNSEEN) for item in lists.items(kind)]
    assert len(set(every)) == len(every)
    for kind in (*lists.TRAINED, *lists.UNSEEN):
        items, asked = lists.items(kind), lists.messages(kind)[-1]["content"]
        assert 8 <= len(items) <= TASK.group
        assert [line.removeprefix("- ").lower() for line in asked.splitlines()[:-1]] == items
        assert asked.endswith(f"Name {kind} of this list.")
    for listed, answer in lists.EXAMPLES.values():
        assert answer in listed.split(", ")


def written(texts: list[str], ended: list[bool] | None = None) -> Samples:
    """Samples of one token a letter."""
    lengths = np.array([len(text) + 1 for text in texts])
    ends = [np.append(np.arange(1, len(text) + 1), len(text)) for text in texts]
    ids = torch.zeros(len(texts), int(lengths.max()), dtype=torch.int64)
    return Samples(ids, lengths, np.array(ended or [True] * len(texts)), texts, ends)


@pytest.mark.parametrize(
    ("text", "ended", "wanted"),
    [
        ("mango", True, True),
        (" MANGO.\n", True, True),
        ("Mango !", True, True),
        ("mango", False, False),
        ("a mango", True, False),
        ("mango, plum", True, False),
        ("mangos", True, False),
        ("man go", True, False),
        ("-mango", True, False),
        ("cherry", True, False),
        ("", True, False),
        (".", True, False),
    ],
)
def test_which_answers_are_valid(text: str, ended: bool, wanted: bool) -> None:
    scored = listing.score("a fruit", written([text, "apple"], [ended, True]), ())
    assert_array_equal(scored.group.valid, [wanted, True])
    assert list(scored.said) == ["mango"] * wanted + ["apple"]
    assert scored.figures["validity"] == (1 + wanted) / 2


def harmonic(answers: list[str]) -> float:
    """Sum over different answers of 1 + 1 / 2 + ... + 1 / n for n copies."""
    return sum(1 / answers[: place + 1].count(each) for place, each in enumerate(answers))


def utilities(found: picking.Group) -> dict[str, Callable[[tuple[int, ...]], float]]:
    """What rules say a coalition is worth, from its answers."""

    def parts(members: tuple[int, ...]) -> tuple[list[str], int]:
        good = [found.answers[i] for i in members if found.valid[i]]
        return good, len(members) - len(good)

    def entropy(members: tuple[int, ...]) -> float:
        good, bad = parts(members)
        shares = np.array([good.count(each) / len(good) for each in set(good)])
        return float(-(shares * np.log(shares)).sum()) - bad

    def distinct(members: tuple[int, ...]) -> float:
        good, bad = parts(members)
        return len(set(good)) - bad

    def past(members: tuple[int, ...]) -> float:
        """Of the coalition with all earlier answers in it, less that of these alone; a group counts an item once."""
        good, bad = parts(members)
        return harmonic([*found.earlier, *set(good)]) - harmonic(found.earlier) - bad

    return {"entropy": entropy, "distinct": distinct, "distinct, past answers": past}


def shapley(worth: Callable[[tuple[int, ...]], float], size: int) -> Array:
    """By the sum over all coalitions."""
    found = np.zeros(size)
    for i in range(size):
        others = [j for j in range(size) if j != i]
        for count in range(size):
            for members in combinations(others, count):
                found[i] += (worth((*members, i)) - worth(members)) / (size * comb(size - 1, count))
    return found


def credit(rule: str, found: picking.Group) -> Array:
    together = picking.RULES[rule].together
    assert together is not None
    return together(found)


@pytest.mark.parametrize("name", GROUPS)
@pytest.mark.parametrize("rule", ["entropy", "distinct", "distinct, past answers"])
def test_shapley_credits_are_those_of_all_coalitions(rule: str, name: str) -> None:
    for earlier in ([], LAST):
        found = group(name, earlier)
        assert_allclose(credit(rule, found), shapley(utilities(found)[rule], len(found.answers)), atol=1e-12)


def test_credits_that_need_no_coalitions() -> None:
    found = group("one copy", LAST)
    assert_array_equal(credit("GRPO", found), [1, 1, 0, 1, 1])
    assert_allclose(credit("GAPO", found), [0.75, 1, -1, 0.75, 1])  # 1 - (f - 1 / 4), f of four valid answers


def test_an_item_that_the_last_group_has_said_is_worth_less() -> None:
    assert_allclose(credit("distinct, past answers", group("one copy", LAST)), [1 / 8, 1 / 2, -1, 1 / 8, 1])
    assert_allclose(credit("distinct, past answers", group("one copy")), credit("distinct", group("one copy")))


def test_a_coalition_is_worth_what_it_adds_to_answers_that_are_always_there() -> None:
    found = group("one copy", LAST)
    worth = utilities(found)["distinct, past answers"]
    every = [members for size in range(6) for members in combinations(range(5), size)]
    assert_allclose([found.utility.value(list(members)) for members in every], [worth(members) for members in every])
    assert_allclose(worth((0, 1, 2, 3)), 1 / 4 + 1 / 2 - 1)


@pytest.mark.parametrize("rule", sorted(picking.RULES))
def test_all_tokens_of_an_answer_are_paid_its_credit_less_the_mean(rule: str) -> None:
    found = group("one copy", LAST)
    given, wanted = paying.advantages(picking.RULES[rule], found), credit(rule, found)
    for row, each, owner in zip(given, wanted - wanted.mean(), found.owners, strict=True):
        assert_allclose(row, np.full(len(owner), each))
    assert paying.calls(picking.RULES[rule], found) is None


@pytest.mark.parametrize("rule", sorted(picking.RULES))
@pytest.mark.parametrize("earlier", [[], ["b"] * 9, ["a"] * 9], ids=["no past", "the same before", "another before"])
def test_equals_are_paid_nothing_whatever_was_said_before(rule: str, earlier: list[str]) -> None:
    assert_allclose(np.concatenate(paying.advantages(picking.RULES[rule], group("equals", earlier))), 0, atol=1e-12)


def test_a_group_has_no_parts() -> None:
    found = group("one copy")
    assert_array_equal(found.counts, 0)
    assert [int(each.sum()) for each in found.lengths] == [len(each) for each in found.owners]
    assert_array_equal(found.rewards, [1, 1, 0, 1, 1])


@pytest.mark.parametrize("counts", [[3, 0, 1, 0], [0, 0, 0, 0], [5, 0, 0, 0], [1, 2, 1, 1], [2, 0, 3, 0]])
@pytest.mark.parametrize("answers", [5, 7])
def test_variety_is_a_mean_over_draws(counts: list[int], answers: int) -> None:
    """With whatever is not among the items invalid."""
    labels = [item for item, count in enumerate(counts) for _ in range(count)]
    labels += [-1] * (answers - len(labels))
    draws = [len(set(each) - {-1}) / 4 for each in combinations(labels, 4)]
    assert_allclose(listing.variety(np.array(counts), answers), np.mean(draws))


def test_variety_is_not_won_by_collapse_or_by_invalid_answers() -> None:
    even, one, half = np.full(8, 3), np.array([24, *[0] * 7]), np.array([2, 2, 1, 1, 2, 2, 1, 1])
    assert listing.variety(one, 24) == pytest.approx(1 / 8)
    assert listing.variety(one // 2, 24) < 1 / 8 < listing.variety(half, 24) < listing.variety(even, 24) < 1
    assert listing.variety(np.zeros(8, int), 24) == 0
    assert listing.variety(np.array([1, 1, 0, 0, 0, 0, 0, 0]), 2) == 1  # of two answers there are no more than two


def test_evenness_of_counts() -> None:
    flat = listing.evenness(np.full(4, 6))
    assert_allclose([flat[listing.DIVERGENCE], flat[listing.ENTROPY]], [0, 2], atol=1e-12)
    one = listing.evenness(np.array([0, 5, 0, 0]))
    middle = np.array([0.625, 0.125, 0.125, 0.125])
    wanted = np.log2(1 / middle[0]) / 2 + (0.25 * np.log2(0.25 / middle)).sum() / 2
    assert_allclose([one[listing.DIVERGENCE], one[listing.ENTROPY]], [wanted, 0], atol=1e-12)
    assert listing.evenness(np.zeros(4, int)) == {}


def test_a_list_is_scored() -> None:
    samples = written(["apple", "Apple.", "grape", "pear", "mango"], [True, True, True, True, False])
    scored = listing.score("a fruit", samples, ["apple"])
    assert scored.group.earlier == ["apple"]
    assert_array_equal(scored.group.hits.sum(axis=0), [2, 0, 1, 0, 0, 0, 0, 0])
    assert_allclose(scored.figures[listing.COVERAGE], 2 / 8)
    assert_allclose(scored.figures[listing.METRIC], 2 / 5)  # of five answers, all of which are drawn
    assert_allclose(scored.figures["tokens"], np.mean([6, 7, 6, 5, 6]))
    assert_allclose(scored.figures[listing.ENTROPY], np.log2(3) - 2 / 3)
    assert list(scored.said) == ["apple", "apple", "grape"]
    none = listing.score("a fruit", written(["x"]), ())
    assert none.figures[listing.METRIC] == 0
    assert listing.DIVERGENCE not in none.figures


def test_the_task_hands_on_what_the_last_group_has_said() -> None:
    judges: Any = type("Known", (), {"said": {"a fruit": ["grape"]}})()
    assert TASK.remembers
    assert TASK.score(judges, "a fruit", written(["grape"])).group.earlier == ["grape"]
    assert TASK.score(judges, "a metal", written(["grape"])).group.earlier == []
    assert all(type(value) is float for value in TASK.score(judges, "a metal", written(["gold"])).figures.values())
    assert not any(task.remembers for name, task in TASKS.items() if name != "listing")
