"""The search task of a language model: needs, what a query's phrases are worth together, and rules of credit for them."""

from __future__ import annotations

import re
import sys
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

pytestmark = [pytest.mark.torch, pytest.mark.checkout]

sys.path.append(str(Path(__file__).parents[2]))  # where the experiments are; behind everything that is installed
from benchmarks.learning.llm import candidates, needs, paying, queries, search  # noqa: E402
from benchmarks.learning.llm.samples import Samples  # noqa: E402

sys.path.pop()

Array = NDArray[Any]
RETRIEVED = 1319


def test_needs_have_questions_and_keep_their_words() -> None:
    assert not needs.TRAINED.keys() & needs.UNSEEN.keys()
    assert not {**needs.TRAINED, **needs.UNSEEN}.keys() & needs.EXAMPLES.keys()
    for need, words in {**needs.TRAINED, **needs.UNSEEN}.items():
        gains = needs.gains(need)
        assert gains.shape == (RETRIEVED,)
        assert queries.CUT <= np.count_nonzero(gains) <= RETRIEVED // 10
        assert set(np.unique(gains)) <= {0, 1, 2, 3}
        assert needs.messages(need)[-1]["content"] == needs.asked(need)
        told = {word for message in needs.messages(need) for word in re.findall("[a-z]+", message["content"].lower())}
        assert not told & {form for word in words.split() for form in (word, f"{word}s")}, need


def test_a_question_is_as_relevant_as_its_solution_has_words_of_the_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "solutions", lambda: [{"cow", "egg"}, {"moon"}, {"cow", "egg", "pig", "hen"}])
    monkeypatch.setitem(needs.TRAINED, "farm animals", "cows egg pig hen")
    assert_array_equal(needs.gains("farm animals"), [2, 0, 3])


def test_solutions_are_words_without_what_a_calculator_was_asked() -> None:
    first = needs.solutions()[0]
    assert {"janet", "sell", "duck", "egg", "make", "farmer"} <= first
    assert not any(word.isdigit() for words in needs.solutions() for word in words)


@pytest.mark.parametrize(
    ("scores", "wanted"),
    [
        ([3.0, 2.0, 1.0, 0.0], 1.0),
        ([2.0, 3.0, 1.0, 0.0], (2 / np.log2(3) + 1) / (2 + 1 / np.log2(3))),
        ([0.0, 0.0, 0.0, 9.0], 0.0),
        ([0.0, 5.0, 0.0, 0.0], 1 / (2 + 1 / np.log2(3))),
        ([1.0, 1.0, 0.0, 1.0], 1.0),
    ],
    ids=["ideal", "swapped", "missed", "half found", "ties in order"],
)
def test_ndcg_of_rankings(scores: list[float], wanted: float) -> None:
    assert_allclose(queries.ndcg(np.array(scores), np.array([2, 1, 0, 0])), wanted)


def test_only_the_first_places_count() -> None:
    gains = np.append(np.zeros(queries.CUT), [1, 1])
    scores = np.arange(len(gains), 0, -1.0)
    assert_allclose(queries.ndcg(np.stack([scores, scores[::-1]]), gains), [0, 1])


def test_a_table_holds_the_query_of_each_subset() -> None:
    draws = np.random.default_rng(0)
    added, gains = draws.random((4, 50)) * (draws.random((4, 50)) < 0.3), draws.integers(0, 3, 50)
    table = queries.table(added, gains)
    assert table.shape == (16,)
    for row, kept in zip(table, queries.every(4), strict=True):
        assert_allclose(row, queries.ndcg(added[kept].sum(axis=0), gains))
    assert_array_equal(queries.table(added[:0], gains), [0])


def group(seed: int) -> queries.Group:
    """Queries of 0 to 5 phrases, with separators and ends; some are not valid, the empty one among them."""
    draws = np.random.default_rng(seed)
    counts = np.array([0, 1, 2, 3, 5, 4, 1])
    tables = [np.append(0.0, draws.random((1 << count) - 1)) for count in counts.tolist()]
    owners = []
    for count in counts.tolist():
        pieces = [[place] * int(draws.integers(1, 4)) + [-1] * (place < count - 1) for place in range(count)]
        owners.append(np.array([token for piece in [*pieces, [-1] * int(draws.integers(1, 3))] for token in piece]))
    lengths = [candidates.segments(owner, count) for owner, count in zip(owners, counts.tolist(), strict=True)]
    return queries.Group(tables, counts, np.array([False, True, True, False, True, True, True]), owners, lengths)


def test_only_a_valid_query_earns() -> None:
    found = group(0)
    assert_allclose(found.rewards, [0, *(found.tables[i][-1] for i in (1, 2)), 0, *(found.tables[i][-1] for i in (4, 5, 6))])


def test_credits_add_up() -> None:
    found = group(1)
    totals = [table[-1] for table in found.tables]
    for credit in (queries.shapley, queries.marginal):
        assert_allclose([row.sum() for row in credit(found)], totals, atol=1e-12)
    assert_allclose([row.sum() for row in queries.shared(found)][1:], found.rewards[1:])
    for row, table in zip(queries.marginal(found), found.tables, strict=True):
        ends = [(1 << place) - 1 for place in range(len(row) + 1)]
        assert_allclose(np.cumsum(row), table[ends[1:]])  # they telescope to what each prefix is worth


def test_credits_are_those_of_their_definitions() -> None:
    found = group(2)
    table, shapley = found.tables[3], np.zeros(3)
    for order in permutations(range(3)):
        before = 0
        for place in order:
            shapley[place] += (table[before | 1 << place] - table[before]) / 6
            before |= 1 << place
    assert_allclose(queries.shapley(found)[3], shapley)
    assert_allclose(queries.leave_one_out(found)[3], table[7] - table[[6, 5, 3]])
    # Of three phrases the window rule lacks the pair of the outer two alone.
    middle = (table[2] / 3 + (table[3] - table[1]) / 6 + (table[6] - table[4]) / 6) + (table[7] - table[5]) / 3
    given = queries.by_windows(found)[3]
    assert_allclose(given[1], middle - (table[7] - table[5]) / 3)
    assert_allclose(given[0], table[1] / 3 + (table[3] - table[2]) / 6 + (table[7] - table[6]) / 3)


@pytest.mark.parametrize("name", sorted(queries.RULES))
def test_rules_pay_in_the_order_of_rewards(name: str) -> None:
    """Own credit: the mean factor times the reward less the baseline, over all phrases; to go: R - v(before) - b at the end."""
    found, rule = group(3), queries.RULES[name]
    given = paying.advantages(rule, found)
    assert [len(row) for row in given] == [len(row) for row in found.owners]
    lost = found.rewards - found.rewards.mean()
    if rule.own is None:
        firsts = np.array([row[0] for row in given])
        others = (found.rewards.sum() - found.rewards) / (len(given) - 1)
        assert_allclose(firsts, found.rewards - others, rtol=1e-5, atol=1e-6)
        return
    times = found.counts[found.valid].mean()
    for row, owner, valid, count, more in zip(given, found.owners, found.valid, found.counts, lost, strict=True):
        assert_allclose(row[owner < 0], more, atol=1e-9)
        if valid:
            assert_allclose(sum(row[owner == place][0] for place in range(count)), times * more, atol=1e-9)
        else:
            assert_allclose(row, more, atol=1e-9)


def test_a_group_without_a_query_learns_nothing() -> None:
    found = group(4)._replace(valid=np.zeros(7, np.bool_))
    for name in ("shared", "Shapley", "windows", "leave one out"):
        assert_allclose(np.concatenate(paying.advantages(queries.RULES[name], found)), 0, atol=1e-12)


def test_calls_are_what_rules_ask_for() -> None:
    found = group(5)._replace(counts=np.array([3, 3]))
    asked = {name: paying.calls(rule, found) for name, rule in queries.RULES.items()}
    assert asked == {
        "shared": 1,
        "Shapley": 7,
        "Shapley, to go": 7,
        "marginal, to go": 3,
        "windows": 6,
        "leave one out": 4,
    }
    for name, rule in queries.RULES.items():
        one = paying.calls(rule, found._replace(counts=np.array([0, 1])))
        assert one == 0.5, name


def written(texts: list[str]) -> Samples:
    """Samples of one token a letter that end by themselves."""
    lengths = np.array([len(text) + 1 for text in texts])
    ends = [np.append(np.arange(1, len(text) + 1), len(text)) for text in texts]
    return Samples(torch.zeros(len(texts), lengths.max(), dtype=torch.int64), lengths, lengths > 0, texts, ends)


def test_a_need_is_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four questions; a phrase finds those with its letters."""
    questions = ["ab", "b", "c", "d"]
    monkeypatch.setattr(needs, "gains", lambda need: np.array([1, 1, 0, 0]))

    def added(phrases: list[str]) -> Array:
        return np.array([[float(len(set(phrase) & set(text))) for text in questions] for phrase in phrases]).reshape(-1, 4)

    retrievers = search.Retrievers(added, lambda texts: np.ones((len(texts), 4)))
    texts = ["a, b", "c", "c, a", "a; b", ", ".join("abcdefghij"), "b, b"]
    scored = search.score(retrievers, "baking", written(texts))
    best = 1 + 1 / np.log2(3)
    assert_array_equal(scored.group.valid, [True, True, True, False, False, True])
    wanted = [1, 0, 1 / best, 0, 0, 1]  # for "c, a" two questions score alike, and the first comes first
    assert_array_equal(scored.group.counts, [2, 1, 2, 0, 9, 2])
    assert_allclose(scored.group.rewards, wanted)
    assert_allclose(scored.figures[search.METRIC], np.mean(wanted))
    assert_allclose(scored.figures[search.DENSE], 4 / 6)
    assert_allclose(scored.figures[search.SIZE], 7 / 4)
    assert_allclose(scored.figures[search.REPEATED], 1 / 8)
    assert_allclose(scored.figures["validity"], 4 / 6)
    assert search.score(retrievers, "baking", written(["..."])).figures[search.DENSE] == 0
