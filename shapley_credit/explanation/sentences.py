"""Why a member earns what it earns, in sentences that are true of its game."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from shapley_credit.explanation.figures import Figures

# The most other members that a sentence names.
_NAMED = 3


def sentences(group: Figures, i: int) -> Iterator[str]:
    """Three to four sentences about member i of a group."""
    if not group.present[i]:
        yield f"Member {_quoted(group, i)} is absent."
        yield "It earns 0."
        yield "What the others earn would be the same without it."
        return
    yield _earnings(group, i)
    others = int(group.present.sum()) - 1
    if not others:
        yield "No other member is present."
        yield f"It earns all that the set adds to the empty set, {group.said(group.credit[i])}."
        return
    yield _company(group, group.by_size[i, : others + 1].tolist())
    yield from _presence(group, i)


def _earnings(group: Figures, i: int) -> str:
    parts = [f"{group.said(credit[i])} for {name}" for name, credit in group.terms.items()]
    made_of = f": {_listed(parts)}" if len(parts) > 1 else ""
    whole = group.said(group.credit.sum())
    return f"Member {_quoted(group, i)} earns {group.said(group.credit[i])}, where all members earn {whole} together{made_of}."


def _company(group: Figures, added: Sequence[float]) -> str:
    """What it adds to none, to some and to all of the others."""
    most, noise = max(added), group.noise
    if most - min(added) <= noise:
        return f"It adds {group.said(most)} on average to coalitions of every size."
    ends = f"By itself it adds {group.said(added[0])}, and to all the others together {group.said(added[-1])}."
    known = (("by itself", added[0]), ("to all the others together", added[-1]))
    largest = [words for words, own in known if most - own <= noise]
    if largest:
        return f"{ends} On average it adds most {_listed(largest)}."
    size = int(np.argmax(added))
    return f"{ends} On average it adds most, {group.said(most)}, to coalitions of {size} other{'s' if size > 1 else ''}."


def _presence(group: Figures, i: int) -> Iterator[str]:
    """Who lowers its credit by being there, and who raises it."""
    change = group.without[i].tolist()
    # The largest first, as they are said, so that rounding does not decide who is named.
    order = sorted((j for j in range(len(change)) if j != i), key=lambda j: -float(group.said(abs(change[j]))))
    lowering = [j for j in order if change[j] < -group.noise]
    raising = [j for j in order if change[j] > group.noise]
    for words, others in (("less", lowering), ("more", raising)):
        if others:
            yield f"It earns {words} beside {_named(group, others)}: it would earn {_left_alone(group, i, others)}."
    if not lowering and not raising:
        yield "Whichever other member were left out, it would earn the same."


def _named(group: Figures, members: Sequence[int]) -> str:
    more = len(members) - _NAMED
    counted = [f"{more} more member{'s' if more > 1 else ''}"] if more > 0 else []
    return _listed([_called(group, j) for j in members[:_NAMED]] + counted)


def _left_alone(group: Figures, i: int, members: Sequence[int]) -> str:
    earned = group.credit[i] - group.without[i]
    return _listed(f"{group.said(earned[j])} without {_called(group, j)}" for j in members[:_NAMED])


def _called(group: Figures, i: int) -> str:
    """A member inside a sentence, where a number alone could be read as an amount."""
    return f"member {group.name(i)}" if group.names[i].isdecimal() else _quoted(group, i)


def _quoted(group: Figures, i: int) -> str:
    """The name of a member, in quotes where it is not one word."""
    name = group.name(i)
    return name if len(name.split()) == 1 else f'"{name}"'


def _listed(parts: Iterable[str]) -> str:
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last
