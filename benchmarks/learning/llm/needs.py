"""What is searched for: needs, and how far each question of GSM8K meets one.

A need is a prompt with words of its own that the policy is never shown. A question meets it by how many of these words stand
in the solution that a person wrote for the question, `MOST` at most. Retrievers read the question alone, so that neither a
retriever nor a query decides what is relevant.
"""

from __future__ import annotations

import gzip
import json
import re
from functools import lru_cache

import numpy as np
from benchmarks.learning.words import FILE, Array

MOST = 3

TRAINED = {
    "baking": "cake cookie cupcake muffin bread flour dough pie loaf loaves brownie brownies sugar oven recipe batch",
    "farm animals": "cow chicken egg sheep goat horse duck pig milk hen calf calves lamb wool",
    "driving": "mile mph car gas gallon speed trip travel traveled road fuel truck",
    "gardens": "flower rose plant planted tulip daisy daisies seed tree lawn grass vine tomato tomatoes",
    "school": "student teacher class classes grade test homework lesson math pencil notebook exam",
    "jobs": "salary wage overtime work worked shift hourly paycheck bonus earn earned tip raise",
}

UNSEEN = {
    "sports": "point game goal team player score scored race lap basketball soccer tennis swim football",
    "fruit": "apple orange banana lemon pear peach peaches grape strawberry strawberries watermelon",
    "reading": "book page chapter library story novel magazine",
    "clothes": "shirt shoe pant dress dresses jacket hat sock jean coat sneaker",
    "pets": "dog cat puppy puppies kitten fish rabbit bird hamster parrot turtle",
    "parties": "guest balloon gift birthday invited candle plate pizza present",
}

# Answered before the request: without examples hardly an answer of this model is a list, and with examples of one length its
# answers have that length.
EXAMPLES = {"music": "guitar, drums, band", "computers": "keyboard", "the sea": "boat, sailing, waves, harbour, sand"}


def messages(need: str) -> list[dict[str, str]]:
    """The chat that asks for a query, behind requests that have their answers."""
    shown = [
        {"role": role, "content": text}
        for name, answer in EXAMPLES.items()
        for role, text in (("user", asked(name)), ("assistant", answer))
    ]
    return [*shown, {"role": "user", "content": asked(need)}]


def asked(need: str) -> str:
    """The request itself."""
    return f"Search words about {need}, with commas."


@lru_cache(maxsize=1)
def solutions() -> list[set[str]]:
    """The words of the solution of each question, without the plural's s; what a calculator was asked is no word."""
    with gzip.open(FILE, "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["ground_truth"].lower() for line in lines]
    return [{_singular(word) for word in re.findall(r"[a-z]+", re.sub("<<.*?>>", "", text))} for text in texts]


def _singular(word: str) -> str:
    return word.removesuffix("s") if not word.endswith("ss") else word


def gains(need: str) -> Array:
    """How far each question meets a need, int [D] from 0 to `MOST`."""
    words = {_singular(word) for word in {**TRAINED, **UNSEEN}[need].split()}
    return np.array([min(len(words & held), MOST) for held in solutions()])
