"""Text in pictures: what fonts can draw, cut or broken where it would not fit."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import takewhile

from shapley_credit.printable import printable


def drawable(text: str) -> str:
    """Text that moves and hides nothing, with an escape for every character that the fonts of matplotlib lack.

    Fonts are those of `rcParams["font.family"]`, each stepping in where those before it lack a character.
    """
    from matplotlib.font_manager import FontProperties

    known = _characters(tuple(FontProperties().get_family()))
    return "".join(
        character if ord(character) in known else character.encode("unicode_escape").decode() for character in printable(text)
    )


@lru_cache(maxsize=8)
def _characters(families: tuple[str, ...]) -> frozenset[int]:
    from matplotlib.font_manager import FontProperties, findfont, get_font

    paths = (findfont(FontProperties(family=[family])) for family in families)
    return frozenset(code for path in paths for code in get_font(path).get_charmap())


# Glyphs that are fitted to pixels are wider than they are by design, by so much at most at usual resolutions.
_HINTED = 1.025


def width(text: str, size: float) -> float:
    """Width of drawable text in points, in the font of matplotlib of a size in points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    known = text_to_path.get_text_width_height_descent(text, FontProperties(size=size), False)[0] if text else 0.0
    return float(_HINTED * known)


def fitted(text: str, most: float, size: float) -> str:
    """Drawable text of at most this many points, its end cut off and marked where it is longer; "" where nothing fits."""
    if width(text, size) <= most:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if width(_cut(text, middle), size) <= most else (low, middle - 1)
    return _cut(text, low) if low else ""


def fitted_apart(names: Sequence[str], most: float, size: float) -> list[str]:
    """Names as drawable texts of at most this many points; where cut ones would look alike, what tells them apart comes first.

    That is what follows the words with which all begin, or else the number of each.
    """
    texts, different = [drawable(name) for name in names], len({*names})
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(min(texts), max(texts), strict=False))  # so do all between them
    start = "".join(letter for letter, _ in alike).rfind(" ") + 1
    cut: list[str] = []
    for written in (texts, [f"..{text[start:]}" for text in texts], [f"{i}: {text}" for i, text in enumerate(texts)]):
        cut = [fitted(text, most, size) for text in written]
        if len({*cut}) >= different:
            break
    return cut


def _cut(text: str, end: int) -> str:
    return f"{text[:end].rstrip()}.."


def wrapped(text: str, most: float, size: float) -> str:
    """Drawable text in lines of at most this many points, broken between words; a longer word is cut."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and width(longer, size) > most:
            lines.append(word)
        else:
            lines[-1] = longer
    return "\n".join(fitted(line, most, size) for line in lines)
