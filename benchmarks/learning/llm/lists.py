"""Lists that a language model picks from: prompts of training and those that are held out.

They are 12 of the 19 that were tried, chosen because at least four of ten answers to each are valid before training. Soccer and
the head came into their lists because the model names them most.
"""

from __future__ import annotations

TRAINED = {
    "a fruit": "apple, banana, grape, lemon, mango, orange, peach, pineapple",
    "a planet": "Mercury, Venus, Earth, Mars, Jupiter, Saturn, Uranus, Neptune",
    "a metal": "aluminum, copper, gold, iron, lead, silver, tin, zinc",
    "a language": "Arabic, English, French, German, Italian, Latin, Russian, Spanish",
    "a vehicle": "bicycle, boat, bus, car, plane, ship, train, truck",
    "a city": "Berlin, Cairo, Delhi, London, Madrid, Mumbai, Paris, Tokyo",
}

UNSEEN = {
    "a month": "January, February, March, April, May, June, July, August, September, October, November, December",
    "a country": "Brazil, Canada, Egypt, France, Germany, India, Japan, Mexico",
    "a vegetable": "bean, cabbage, carrot, garlic, onion, potato, spinach, tomato",
    "a sport": "baseball, basketball, boxing, football, golf, soccer, swimming, tennis",
    "a drink": "beer, coffee, juice, lemonade, milk, tea, water, wine",
    "a body part": "arm, ear, eye, foot, hand, head, leg, nose",
}

# Answered before the request: a list, and the item that was picked.
EXAMPLES = {
    "a colour": ("red, blue, green, yellow, black, white", "green"),
    "a day": ("Monday, Tuesday, Wednesday, Thursday, Friday", "Friday"),
}


def messages(kind: str) -> list[dict[str, str]]:
    """The chat that asks for an item of a list, behind requests that have their answers."""
    shown = [
        {"role": role, "content": text}
        for name, (listed, answer) in EXAMPLES.items()
        for role, text in (("user", asked(name, listed)), ("assistant", answer))
    ]
    return [*shown, {"role": "user", "content": asked(kind, {**TRAINED, **UNSEEN}[kind])}]


def asked(kind: str, listed: str) -> str:
    """The request itself, an item a line: with all items in one line fewer answers are valid."""
    return "\n".join([*(f"- {item}" for item in listed.split(", ")), f"Name {kind} of this list."])


def items(kind: str) -> list[str]:
    """The items of a list, as answers are read."""
    return [plain(item) for item in {**TRAINED, **UNSEEN}[kind].split(", ")]


def plain(text: str) -> str:
    """Without case, final punctuation, and more than single spaces between words."""
    return " ".join(text.split()).lower().rstrip(" .,;:!?")
