"""Items as members: what they are called, which of them stand together, and what is asked for those that are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from shapley_credit.coalitions import CoalitionTree
from shapley_credit.display.text_table import short_name
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import shown
from shapley_credit.inputs.ids import cells_of, encoded, is_column
from shapley_credit.member_names import read_names
from shapley_credit.nested_lists import is_sequence
from shapley_credit.solve.callables import batched

FORMS = "Write {item: label, ..} with all items, or {label: [item, ..], ..} with each item in one of the lists."
# Of a name that the beginning of a text makes.
LONGEST = 40


class Items(NamedTuple):
    """Items that are kept or left out, with their names and the coalition tree over them.

    unions: the name of the outermost union of each item, () without unions.
    keys: what stands for each item in a request, and so in a cache: a plain item itself, so that equal texts are asked once,
        and elsewhere its name.
    """

    items: tuple[Any, ...]
    tree: CoalitionTree
    unions: tuple[str, ...]
    keys: tuple[Hashable, ...]

    @property
    def texts(self) -> tuple[str | None, ...]:
        """The items that are texts, None for the others."""
        return tuple(str(item) if isinstance(item, str) else None for item in self.items)

    def request(self, number: int, coalition: tuple[int, ...]) -> tuple[Hashable, ...]:
        """What is asked for a coalition."""
        return tuple(self.keys[i] for i in coalition)

    def value(self, score: Any) -> Any:
        """The score as a function of requests, or of many: a list of the items of each. Processes can be sent it."""
        found = dict(zip(self.keys, self.items, strict=True))
        if isinstance(score, batched):
            return batched(partial(_of_many, score.function, found))
        if not callable(score):
            raise InputError(f"score must be a function of the list of items that are kept, or batched(f); got {shown(score)}.")
        return partial(_of_one, score, found)


def _of_one(score: Callable[[list[Any]], Any], found: Mapping[Hashable, Any], request: tuple[Hashable, ...]) -> Any:
    return score([found[key] for key in request])


def _of_many(score: Callable[[list[list[Any]]], Any], found: Mapping[Hashable, Any], requests: Sequence[Any]) -> Any:
    return score([[found[key] for key in request] for request in requests])


def read_items(items: Any, names: Any, unions: Any, cache: Any) -> Items:
    """The items of a caller. Raises InputError for what is no list of items, and for other names, unions and caches."""
    if not isinstance(items, list | tuple) or not items:
        raise InputError(
            f"items must be a list of one thing at least; got {shown(items)}. Pass list(items); of a mapping its values, and "
            "its keys as names=; of a text its segments (see shapley_credit.credit.segments)."
        )
    plain = all(map(_is_plain, items))
    called = told_apart([name_of(item, i) for i, item in enumerate(items)] if names is None else read_names(names, len(items)))
    if cache is not None and not plain and names is None:
        odd = next(item for item in items if not _is_plain(item))
        raise InputError(
            f"a cache finds texts, bytes and tuples of them again; {shown(odd)} is of type {type(odd).__name__}. Give "
            "names=, by which it knows the items, and which no other items have; the answers of an EvaluationError of items "
            f"without names know them as names={shown([*called])}."
        )
    tree, union_of = tree_over(unions, items, called)
    return Items(tuple(items), tree, union_of, tuple(items) if plain else called)


def _is_plain(item: Any) -> bool:
    """Whether equal things of this kind are alike in all respects and in all lists, and a cache on disk knows them."""
    return type(item) in (str, bytes) or (type(item) is tuple and all(map(_is_plain, item)))


def name_of(item: Any, place: int) -> str:
    """The beginning of a text; the number of anything else, and of a text of white space."""
    return (beginning(item) if isinstance(item, str) else "") or str(place)


def beginning(text: str) -> str:
    """The first characters of a text on one line."""
    return short_name(" ".join(text.split()), LONGEST)


def told_apart(names: Sequence[str]) -> tuple[str, ...]:
    """The names, those that several members have with a number behind them, which no table cuts off."""
    times, taken, numbers = Counter(names), {*names}, {name: count(1) for name in names}

    def numbered(name: str) -> str:
        ends = (f" ({number})" for number in numbers[name])
        found = next(other for end in ends if (other := short_name(name, LONGEST - len(end)) + end) not in taken)
        taken.add(found)
        return found

    return tuple(numbered(name) if times[name] > 1 else name for name in names)


def tree_over(unions: Any, items: Sequence[Any], names: tuple[str, ...]) -> tuple[CoalitionTree, tuple[str, ...]]:
    """The coalition tree over items that have names, and the name of the outermost union of each.

    A union is called by its label if that is a text, and else union 0, union 1, .. by the label or the place that it has. If
    an item is called so, the word union comes before it.
    Raises InputError for unions that are not theirs.
    """
    k = len(items)
    if unions is None:
        return CoalitionTree(np.zeros((0, k), np.int64), names), ()
    labels, known = _labels(unions, items, names)
    if labels.shape[-1] != k:
        raise InputError(f"unions have {labels.shape[-1]} members, but there are {k} items.")
    outermost = labels[0].tolist() if labels.ndim == 2 and len(labels) else []  # a plan refuses trees of groups
    codes = [*dict.fromkeys(outermost)]
    called = told_apart([_called(known[code] if known else code) for code in codes])
    told = dict(zip(codes, _beside(called, {*names, *(item for item in items if isinstance(item, str))}), strict=True))
    return CoalitionTree(labels, names), tuple(told[code] for code in outermost)


def _beside(unions: Sequence[str], taken: set[str]) -> list[str]:
    """The names of unions, each another one than all that are taken."""
    found: list[str] = []
    for union in unions:
        name = union
        while name in taken or name in found:
            name = f"union {name}"
        found.append(name)
    return found


def _called(label: Any) -> str:
    return (beginning(label) if isinstance(label, str) else "") or f"union {label}"


def _labels(unions: Any, items: Sequence[Any], names: tuple[str, ...]) -> tuple[Any, list[Any]]:
    """Labels [levels, k] as numbers, and what the numbers stand for, nothing if they stand for themselves."""
    if isinstance(unions, CoalitionTree):
        return unions.labels, []
    if isinstance(unions, Mapping):
        return _of_labels(_labels_by_item(unions, items, names), len(items))
    listed = cells_of(unions) if is_column(unions) else unions.tolist() if isinstance(unions, np.ndarray) else unions
    if not isinstance(listed, list | tuple):
        raise InputError(
            "unions must be a label for each item, a mapping from items to labels or from labels to lists of items, nested "
            f"lists of items, or a CoalitionTree; got {shown(unions)}."
        )
    return (_of_nested(listed, items, names), []) if any(map(is_sequence, listed)) else _of_labels(listed, len(items))


def _of_labels(labels: Sequence[Any], k: int) -> tuple[Any, list[Any]]:
    if len(labels) != k:
        raise InputError(f"unions must hold one label for each of the {k} items; got {len(labels)}.")
    codes, known = encoded(labels, "a label in unions")
    if (codes < 0).any():
        raise InputError(
            f"the label of item {int(codes.argmin())} in unions is None or NaN; an item that stands alone needs one of its own."
        )
    return codes[None], known


def _labels_by_item(unions: Mapping[Any, Any], items: Sequence[Any], names: tuple[str, ...]) -> list[Any]:
    """The label of each item, of a mapping from items to labels; or, if it lacks any, of one from labels to lists of items."""
    whole = all(_holds(unions, name) or _holds(unions, item) for item, name in zip(items, names, strict=True))
    if whole or not all(isinstance(members, list | tuple) for members in unions.values()):
        return _looked_up(unions, items, names)
    turned: dict[Any, Any] = {}
    for label, members in unions.items():
        for member in members:
            if not isinstance(member, Hashable):
                raise InputError(f"unions hold {shown(member)} under {shown(label)}, which is no name of an item. {FORMS}")
            if member in turned:
                raise InputError(f"unions must hold each item once; {shown(member)} stands there twice. {FORMS}")
            turned[member] = label
    return _looked_up(turned, items, names)


def _looked_up(unions: Mapping[Any, Any], items: Sequence[Any], names: tuple[str, ...]) -> list[Any]:
    """The label of each item, by its name or by itself. Raises InputError for items and entries that are without the other."""
    keys = []
    for item, name in zip(items, names, strict=True):
        known = [key for key in (name, item) if _holds(unions, key)]
        if not known:
            raise InputError(f"unions must have an entry for each item; {shown(name)} has none. {FORMS}")
        keys.append(known[0])
    if unknown := [key for key in unions if key not in keys]:
        raise InputError(f"unions have an entry for {shown(unknown[0])}, which is no item; the items are {shown([*names])}.")
    return [unions[key] for key in keys]


def _holds(unions: Mapping[Any, Any], key: Any) -> bool:
    try:
        return key in unions
    except TypeError:  # an item without a hash is no key
        return False


def _of_nested(nested: Sequence[Any], items: Sequence[Any], names: tuple[str, ...]) -> Any:
    """Labels of nested lists of numbers of items, of their names, or of the items where they are texts."""
    tree = CoalitionTree.from_nested(nested)
    if tree.names is None:
        return tree.labels
    places = {item: i for i, item in enumerate(items) if isinstance(item, str)} | {name: i for i, name in enumerate(names)}
    if unknown := [name for name in tree.names if name not in places]:
        raise InputError(f"unions name {shown(unknown[0])}, which is no item; the items are {shown([*names])}.")
    order = [places[name] for name in tree.names]
    if len({*order}) < len(items) or len(order) > len(items):
        missing = [name for i, name in enumerate(names) if i not in order]
        told = f"{shown(missing[0])} is missing" if missing else "one of them stands there twice"
        raise InputError(f"unions must hold each of the {len(items)} items once; {told}.")
    labels = np.empty_like(tree.labels)
    labels[:, order] = tree.labels
    return labels
