"""Text of others on a terminal: shown, never obeyed."""

from __future__ import annotations

import unicodedata

# They join letters and emoji, and do nothing else.
_JOINERS = "\u200c\u200d"


def visible(text: str, keep: str = "") -> str:
    """Text in which whatever would move, hide or reorder other text is written as an escape.

    These are control characters (colours, bells, line breaks), marks of direction, invisible characters and half surrogates;
    spaces and joiners stay, and so does what `keep` holds. Cost O(characters).

    >>> visible("\\x1b[31mred\\x07 \\u202eback\\n")
    '\\\\x1b[31mred\\\\x07 \\\\u202eback\\\\n'
    """
    if text.isprintable():
        return text
    return "".join(
        character if _is_harmless(character) or character in keep else character.encode("unicode_escape").decode()
        for character in text
    )


def _is_harmless(character: str) -> bool:
    return character.isprintable() or character in _JOINERS or unicodedata.category(character) == "Zs"


def letters(number: int) -> str:
    """A number from 0 in letters: a, b, .. z, aa, ab, ..

    >>> [letters(number) for number in (0, 25, 26, 701, 702)]
    ['a', 'z', 'aa', 'zz', 'aaa']
    """
    text = ""
    while number >= 0:
        number, letter = divmod(number, 26)
        text = chr(ord("a") + letter) + text
        number -= 1
    return text
