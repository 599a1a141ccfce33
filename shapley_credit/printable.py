"""Text of others, shown and never obeyed: on terminals, in tables, in pictures and on pages."""

from __future__ import annotations

import unicodedata

# They join letters and emoji, and do nothing else.
_JOINERS = "\u200c\u200d"


def printable(text: str, keep: str = "") -> str:
    """Text in which whatever would move, hide or reorder other text is written as an escape.

    These are control characters (colours, bells, line breaks), marks of direction, invisible characters and half surrogates;
    spaces and joiners stay, and so does what `keep` holds. Cost O(characters).

    >>> printable("\\x1b[31mred\\x07 \\u202eback\\n")
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
