"""The recommendation task of a language model: candidates of a text, their worth, and the advantages of tokens."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
import torch
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from shapley_credit.credit.rules import rule_tokens
from shapley_credit.methods.shape_grpo import shape_grpo

pytestmark = [pytest.mark.torch, pytest.mark.checkout]

sys.path.append(str(Path(__file__).parents[2]))  # where the experiments are; behind everything that is installed
from benchmarks.learning.llm import candidates, paying, recommend, rules, topics  # noqa: E402
from benchmarks.learning.llm.samples import Samples, places  # noqa: E402

sys.path.pop()

Array = NDArray[Any]


@pytest.mark.parametrize(
    ("text", "ended", "names", "valid"),
    [
        ("fish, insects, crops, sea creatures", True, ["fish", "insects", "crops", "sea creatures"], True),
        ("fish,insects,crops,sea birds.", True, ["fish", "insects", "crops", "sea birds"], True),
        ("fish, insects, crops, sea creatures", False, ["fish", "insects", "crops"], False),
        ("fish, insects, crops", True, ["fish", "insects", "crops"], False),
        ("a, b, c, d, e", True, ["a", "b", "c", "d"], False),
        ("a, b, c, d,", True, ["a", "b", "c", "d"], False),
        ("a, one two three four, c, d", True, ["a"], False),
        ("a., b, c, d", True, [], False),
        ("a, b\n, c, d", True, ["a"], False),
        ("a, , c, d", True, ["a"], False),
        ("a, caf\u00e9, c, d", True, ["a"], False),
        ("", True, [], False),
    ],
)
def test_candidates_of_a_text(text: str, ended: bool, names: list[str], valid: bool) -> None:
    found = candidates.read(text, ended)
    assert found.names == names
    assert [text[first:last] for first, last in found.spans] == names
    assert found.valid is valid


def test_tokens_go_to_the_candidate_whose_letters_they_hold() -> None:
    text = "fish, sea birds,x"
    found = candidates.read(text + ",y", True)
    ends = np.array([2, 4, 5, 9, 15, 16, 17, 18, 19, 19])  # fi sh , _sea _birds , x , y END
    owner = candidates.owners(found.spans, ends)
    assert_array_equal(owner, [0, 0, -1, 1, 1, -1, 2, -1, 3, -1])
    assert_array_equal(candidates.segments(owner, 4), [2, 3, 2, 2, 1])
    # A token that ends one candidate and begins the next belongs to the first; without candidates all is the end.
    assert_array_equal(candidates.owners([(0, 4), (5, 8)], np.array([2, 6, 8])), [0, 0, 1])
    assert_array_equal(candidates.segments(np.array([-1, -1]), 0), [2])


def test_places_of_tokens_never_go_back() -> None:
    assert_array_equal(places(["a", "a\ufffd\ufffd", "a\u00e9", "a\u00e9b"], True), [1, 3, 3, 3, 3])
    assert_array_equal(places(["a", "a\ufffd\ufffd", "a\u00e9"], True), [1, 2, 2, 2])
    assert_array_equal(places([], True), [0])
    assert_array_equal(places(["ab"], False), [2])


def group(seed: int, *, users: int, spoilt: bool) -> rules.Group:
    """Responses of four candidates, with separators and ends; some not valid, some of fewer candidates, if spoilt."""
    draws = np.random.default_rng(seed)
    size = 6
    counts = np.full(size, 4)
    valid = np.ones(size, np.bool_)
    if spoilt:
        counts[:3], valid[:3] = [0, 2, 4], False
    worth = draws.random((size, 4, users)) * (np.arange(4) < counts[:, None])[..., None]
    owners = []
    for count in counts.tolist():
        pieces = [[place] * int(draws.integers(1, 4)) + [-1] * (place < count - 1) for place in range(count)]
        end = [-1] * int(draws.integers(1, 3))
        owners.append(np.array([token for piece in [*pieces, end] for token in piece]))
    lengths = [candidates.segments(owner, count) for owner, count in zip(owners, counts.tolist(), strict=True)]
    return rules.Group(worth, counts, valid, owners, lengths)


def credit(name: str, found: rules.Group) -> Array:
    own = rules.RULES[name].own
    assert own is not None
    return np.asarray(own(found))


def test_rewards_are_the_mean_of_the_best_or_nothing() -> None:
    found = group(0, users=5, spoilt=True)
    assert_allclose(found.rewards[3:], [np.mean([max(column) for column in row.T]) for row in found.worth[3:]])
    assert_array_equal(found.rewards[:3], 0)
    assert_allclose(found.utility.value(np.arange(4))[3:], found.rewards[3:])


def test_credits_add_up_to_what_they_say() -> None:
    found = group(1, users=5, spoilt=False)
    for name in ("shared", "winner takes all", "Shapley", "marginal"):
        assert_allclose(credit(name, found).sum(axis=1), found.rewards, err_msg=name)
    twins = found._replace(worth=np.repeat(found.worth[:, :1], 4, axis=1))
    assert_allclose(rules.leave_one_out(twins), 0, atol=1e-12)
    assert_allclose(rules.shapley(twins), np.repeat(twins.rewards[:, None], 4, axis=1) / 4)
    for name in ("winner takes all", "marginal"):
        assert_allclose(credit(name, twins)[:, 1:], 0, atol=1e-12)


def test_shared_credit_is_one_advantage_for_all_tokens() -> None:
    found = group(2, users=3, spoilt=True)
    for row, wanted in zip(paying.advantages(rules.RULES["shared"], found), found.rewards - found.rewards.mean(), strict=True):
        assert_allclose(row, wanted, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("Shapley", {"value": "shapley"}),
        ("leave one out", {"value": "leave_one_out"}),
        ("marginal, to go", {"credit": "marginal"}),
    ],
)
def test_with_one_user_rules_are_those_of_shape_grpo(name: str, rule: dict[str, Any]) -> None:
    """One user: the best of scalar rewards. Separators and end are the pieces of no candidate there."""
    found = group(3, users=1, spoilt=False)
    pieces = [np.flatnonzero(np.diff(row, prepend=-9)) for row in found.owners]
    wanted = shape_grpo(
        found.worth[:, :, 0],
        [np.ones(len(row)) for row in found.owners],
        candidates=[row[starts].tolist() for row, starts in zip(found.owners, pieces, strict=True)],
        lengths=[np.diff(starts, append=len(row)).tolist() for row, starts in zip(found.owners, pieces, strict=True)],
        groups=len(found.owners),
        **rule,
    )
    for row, other in zip(paying.advantages(rules.RULES[name], found), wanted, strict=True):
        assert_allclose(row, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["winner takes all", "Shapley", "leave one out", "marginal"])
def test_own_credit_keeps_the_law(name: str) -> None:
    found = group(4, users=4, spoilt=True)
    given = paying.advantages(rules.RULES[name], found)
    below = found.rewards.mean()
    for row, owner, reward, valid in zip(given, found.owners, found.rewards, found.valid, strict=True):
        # The end, and what separates candidates, are paid for the whole and not with the last candidate's credit.
        assert_allclose(row[owner < 0], reward - below, rtol=1e-6, atol=1e-9)
        if valid:
            each = [row[owner == place] for place in range(4)]
            assert all(np.ptp(part) == 0 for part in each)
            assert_allclose(np.mean([part[0] for part in each]), reward - below, rtol=1e-6, atol=1e-9)
        else:
            assert_allclose(row, reward - below, rtol=1e-6, atol=1e-9)


def test_leave_one_out_pays_what_would_be_lost_and_shares_the_rest() -> None:
    found = group(5, users=4, spoilt=False)
    given = paying.advantages(rules.RULES["leave one out"], found)
    best = found.worth.max(axis=1).mean(axis=1)
    lost = np.stack([best - np.delete(found.worth, place, axis=1).max(axis=1).mean(axis=1) for place in range(4)], axis=1)
    wanted = 4 * lost + (best - lost.sum(axis=1) - best.mean())[:, None]
    for row, owner, paid in zip(given, found.owners, wanted, strict=True):
        assert_allclose(row[owner >= 0], paid[owner[owner >= 0]], rtol=1e-6, atol=1e-9)


def test_prefix_marginals_do_not_know_what_spoils_a_response_later() -> None:
    found = group(6, users=4, spoilt=True)
    given = paying.advantages(rules.RULES["marginal, to go"], found)
    sound = found._replace(valid=found.valid | (found.counts == 4))
    rows = []
    for each, count, reward in zip(sc.marginal_vector(found.utility), found.counts, found.rewards, strict=True):
        rows.append([*each[:count], reward - each[:count].sum()])
    wanted = rule_tokens(
        [np.ones(len(row)) for row in found.owners],
        None,
        len(rows),
        segment_lengths=found.lengths,
        rule="marginal",
        marginal=rows,
        scale="none",
    )
    for row, other in zip(given, wanted, strict=True):
        assert_allclose(row, other, rtol=1e-6, atol=1e-9)
    # The end of the spoilt response of four candidates loses all of them at once, and only there.
    better = paying.advantages(rules.RULES["marginal, to go"], sound)
    gain = better[2] - given[2]
    assert_allclose(gain, sound.rewards[2], rtol=1e-5)
    assert given[2][-1] < min(row[-1] for row in given[3:])


def test_a_mixture_is_half_of_each() -> None:
    found = group(7, users=4, spoilt=True)
    own, ahead, both = (paying.advantages(rules.RULES[name], found) for name in ("leave one out", "marginal, to go", "mixture"))
    for first, second, mixed in zip(own, ahead, both, strict=True):
        assert_allclose(mixed, (first + second) / 2, rtol=1e-6, atol=1e-9)


def letters(texts: list[str]) -> Array:
    """Vectors of length 1 by the first letter, for a task without a model."""
    return np.stack([np.eye(26)[ord(text[0].lower()) - ord("a")] for text in texts])


def written(texts: list[str]) -> Samples:
    """Samples of one token a letter that end by themselves."""
    lengths = np.array([len(text) + 1 for text in texts])
    ends = [np.append(np.arange(1, len(text) + 1), len(text)) for text in texts]
    return Samples(torch.zeros(len(texts), lengths.max(), dtype=torch.int64), lengths, lengths > 0, texts, ends)


def test_a_topic_is_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(topics.TRAINED, "letters", "a, b, c, d, e, f, g, h, i, j, k, l")
    scored = recommend.score(letters, "letters", written(["a, b, x, i", "Ax, ay, ax, y", "a, b, c"]))
    assert_allclose(scored.group.rewards, [2 / 8, 1 / 8, 0])
    assert_allclose(scored.figures[recommend.METRIC], 3 / 8 / 3)
    assert_allclose(scored.figures[recommend.UNPAID], 1 / 4 / 3)
    assert_allclose(scored.figures["validity"], 2 / 3)
    assert_allclose(scored.figures["same words"], 1 / 2)
    assert_allclose(scored.figures["same meaning"], 1 / 2)
    assert_allclose(scored.figures["distance"], (1 + 1 / 2) / 2)
    assert_array_equal(scored.group.lengths[0], [1, 3, 3, 3, 1])
    monkeypatch.setitem(topics.UNSEEN, "others", "a, b, c, d")
    unseen = recommend.score(letters, "others", written(["a, b, x, i", "..."]))
    assert_allclose(unseen.group.rewards, [1 / 2, 0])
    assert recommend.UNPAID not in unseen.figures
    assert recommend.score(letters, "others", written(["..."])).figures.keys() == {recommend.METRIC, "validity", "tokens"}


def test_satisfaction_begins_at_the_floor() -> None:
    assert_allclose(recommend.satisfaction(np.array([-0.5, 0.3, 0.65, 1.0])), [0, 0, 0.5, 1])


def test_topics_have_their_users() -> None:
    assert not topics.TRAINED.keys() & topics.UNSEEN.keys()
    assert {len(topics.users(topic)) for topic in [*topics.TRAINED, *topics.UNSEEN]} == {12}
    assert topics.paid("food") == 8
    assert topics.paid("school") == 12
    for topic in topics.UNSEEN:
        asked = [message["content"] for message in topics.messages(topic)]
        assert topics.asked(topic) == asked[-1]
        assert not any(user in text for user in topics.users(topic) for text in asked)
