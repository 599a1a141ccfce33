"""Labels of free text, and which answers are valid."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any
from unicodedata import category, normalize

import numpy as np

from shapley_credit.convert import Array, to_host
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import flags, shown
from shapley_credit.inputs.ids import frozen, missing, plain
from shapley_credit.inputs.labels import MISSING, Labels, read_answers, read_labels
from shapley_credit.torch_compile import between_graphs

# INNER punctuation has a meaning at the edge of an answer: C#, 5%, R&D, @name. OUTER is no punctuation, and has none.
INNER, OUTER = "#%&@", " `"
_NUMBER = re.compile(r"-?\.?\d")


@between_graphs
def labels_of(answers: Any, key: Callable[[list[Any]], Any] | None = None) -> Array:
    """Labels of answers in free text: the normalised text, or what `key` finds in the answers of a group.

        normalised = NFKC, case folded, white space as single blanks, without punctuation before and after

    A sign or point in front of a digit stays, and so do # % & @.
    answers: [..., G], laid out as labels are, text unless there is a key.
    key: called once a group with a list of those answers of the group that are not missing, as they were given, in their order
        and with repetitions; returns a label for each, any hashable, such as the cluster of its embedding.

    Returns an object array [..., G] that is taken wherever labels are, None for an answer that is missing, for text of which
    nothing is left, and where the key says None or NaN. A predicate `valid` then sees the normalised text.
    Cost O(characters), and that of the key. Raises InputError for answers that are no text where there is no key, and for a
    key that returns anything but a label for each answer.
    Source: Unicode Standard Annex 15 for NFKC.

    >>> from shapley_credit.methods import gapo
    >>> labels = gapo.labels_of(["Red.", " **red**", "Blue!", "qwrt", None])
    >>> labels
    array(['red', 'red', 'blue', 'qwrt', None], dtype=object)
    >>> gapo.diversity_credit(labels, utility="distinct", valid={"red", "blue", "green"}.__contains__)
    array([ 0.5,  0.5,  1. , -1. , -1. ])
    >>> gapo.labels_of(["a red one", "it is red", "green"], key=lambda answers: ["red" in answer for answer in answers])
    array([True, True, False], dtype=object)
    """
    given, _ = read_answers(answers, "answers")
    if key is not None and not callable(key):
        raise InputError(f"key must be a function of a list of answers; got {shown(key)}.")
    labels = np.full(given.size, None, object)
    flat, size = given.ravel().tolist(), given.shape[-1]
    texts = [_text(answer, key is None) for answer in flat]
    for start in range(0, len(flat), max(size, 1)):
        places = [place for place in range(start, start + size) if texts[place] is not None]
        if places:
            found = [texts[place] for place in places] if key is None else _ask(key, [flat[place] for place in places])
            labels[places] = np.fromiter(found, object, len(places))
    return labels.reshape(given.shape)


def read_valid(labels: Any, valid: Any) -> tuple[Labels, Array]:
    """Labels [..., G], missing where they are not valid, and which of them are valid.

    valid: None for all, flags [..., G], or a predicate, called once for each different label. What is missing is never valid.
    Raises InputError for labels that can't be compared, and for flags and predicates that are none.
    """
    read = read_labels(labels, "labels")
    if not callable(valid):
        good = _flags(valid, read.codes.shape)
    else:  # only a predicate needs the names of integers
        read = read.named()
        good = np.array([*(_verdict(valid, name) for name in read.names or ()), False])[np.maximum(read.codes, -1)]
    if read.missing:
        good = good & (read.codes != MISSING)
    return read.where(good), good


def _flags(valid: Any, shape: tuple[int, ...]) -> Array:
    if valid is None:
        return np.ones(shape, np.bool_)
    given = to_host(valid, "valid")
    if given.shape != shape:
        raise InputError(
            f"valid must be a function of an answer, or flags of the shape of labels, {shape}; got {type(valid).__name__} of "
            f"shape {given.shape}. A set of valid answers is passed as valid=answers.__contains__."
        )
    return flags(given, "valid")


def _verdict(valid: Callable[[Any], Any], answer: Any) -> bool:
    verdict = valid(answer)
    if not isinstance(verdict, bool | np.bool_):
        raise InputError(f"valid must say True or False of an answer; of {shown(answer)} it said {shown(verdict)}.")
    return bool(verdict)


def _ask(key: Callable[[list[Any]], Any], answers: list[Any]) -> list[Any]:
    found = key(answers)
    listed, shape = plain(found), tuple(getattr(found, "shape", ()))
    # The rows of a matrix would be labels that all differ, as embeddings do before they are clustered.
    several = isinstance(listed, Iterable) and not isinstance(listed, str) and len(shape) < 2
    labels = list(listed) if several else None
    if labels is None or len(labels) != len(answers):
        told = f"of shape {shape}" if shape else "" if labels is None else f"of length {len(labels)}"
        raise InputError(
            f"key must return a label for each of the {len(answers)} answers of a group; got {type(found).__name__} {told}."
        )
    return [frozen(label) for label in labels]


def _text(answer: Any, needed: bool) -> str | None:
    """Normalised text, None if it is missing or nothing is left; an answer of another type is '' where no text is needed."""
    given = plain(answer)
    if isinstance(given, str):
        return _normalised(given) or None
    gone = missing(given)
    if needed and not gone:
        raise InputError(f"labels_of reads text where there is no key; got {shown(answer)} of type {type(answer).__name__}.")
    return None if gone else ""


def _normalised(text: str) -> str:
    # Folding the case can undo the normal form, so that it is made twice.
    text = " ".join(normalize("NFKC", normalize("NFKC", text).casefold()).split())
    places = range(len(text))
    start = next((place for place in places if not _outer(text[place]) or _NUMBER.match(text, place)), len(text))
    end = next((place for place in reversed(places) if not _outer(text[place])), -1)
    return text[start : end + 1]


def _outer(character: str) -> bool:
    return character in OUTER or (category(character)[0] == "P" and character not in INNER)
