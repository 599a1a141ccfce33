"""Recommendation by a language model: four things about a topic, for hidden users, in one response.

A user is an interest in words. A candidate is worth to it how far the cosine of the two by MiniLM is above `FLOOR`, a response
the mean over users of the best candidate's worth to them. A response that is not four candidates is worth nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from benchmarks.learning.llm import candidates, topics
from benchmarks.learning.llm.paying import Scored
from benchmarks.learning.llm.rules import Group
from benchmarks.learning.llm.samples import Samples
from benchmarks.learning.words import Array

MOST = 16  # tokens of a response
FLOOR = 0.3  # cosine of MiniLM below which two texts have nothing to do with each other
ALIKE = 0.8  # and above which two candidates mean the same
Embed = Callable[[list[str]], Array]  # vectors of length 1 of texts
METRIC, UNPAID = "utility", "utility, users not paid for"


def satisfaction(cosines: Array) -> Array:
    """max(0, (cos - FLOOR) / (1 - FLOOR))."""
    return np.clip((cosines - FLOOR) / (1 - FLOOR), 0.0, None)


def score(embed: Embed, topic: str, samples: Samples) -> Scored:
    """What each candidate of each response is worth to the users of a topic."""
    read = [candidates.read(text, bool(ended)) for text, ended in zip(samples.texts, samples.ended, strict=True)]
    users, meaning = meanings(embed, topics.users(topic), [each.names for each in read])
    worth = satisfaction(meaning @ users.T)
    owners = [candidates.owners(each.spans, ends) for each, ends in zip(read, samples.ends, strict=True)]
    counts = np.array([len(each.names) for each in read])
    lengths = [candidates.segments(owner, count) for owner, count in zip(owners, counts.tolist(), strict=True)]
    valid, paid = np.array([each.valid for each in read]), topics.paid(topic)
    group = Group(worth[:, :, :paid], counts, valid, owners, lengths)
    figures = {METRIC: float(group.rewards.mean()), "validity": float(valid.mean()), "tokens": float(samples.lengths.mean())}
    if paid < len(users):
        figures[UNPAID] = float(group._replace(worth=worth[:, :, paid:]).rewards.mean())
    return Scored(group, figures | variety([each.names for each in read if each.valid], meaning[valid]))


def meanings(embed: Embed, interests: list[str], rows: list[list[str]]) -> tuple[Array, Array]:
    """Vectors of interests [E, D] and of the names in rows [B, WANTED, D], 0 where there is none."""
    # One batch in alphabetical order: the bits of a vector depend on its neighbours, which may not depend on earlier batches.
    texts = sorted({*interests, *(name.lower() for row in rows for name in row)})
    vectors = dict(zip(texts, np.asarray(embed(texts), np.float64), strict=True))
    users = np.stack([vectors[text] for text in interests])
    found = np.zeros((len(rows), candidates.WANTED, users.shape[1]))
    for each, row in zip(found, rows, strict=True):
        for place, name in enumerate(row):
            each[place] = vectors[name.lower()]
    return users, found


def variety(names: list[list[str]], meaning: Array) -> dict[str, float]:
    """Of valid responses: the shares in which two candidates are the same, in letters or meaning, and their mean distance.

    meaning: vectors of length 1 of their candidates, [responses, K, D]. Nothing if there are no responses.
    """
    if not names:
        return {}
    likeness = meaning @ meaning.swapaxes(1, 2)
    pairs = likeness[:, *np.triu_indices(likeness.shape[1], 1)]
    return {
        "same words": float(np.mean([len({name.lower() for name in row}) < len(row) for row in names])),
        "same meaning": float((pairs > ALIKE).any(axis=1).mean()),
        "distance": float(1 - pairs.mean()),
    }
