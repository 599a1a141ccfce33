"""The docstrings of this house as reStructuredText: an extension of Sphinx.

A docstring is plain text. Paragraphs stand at the margin, equations and tables are indented, a line `name: ..` explains a
parameter, and sentences that begin with Returns, Cost, Raises or Source say what these words say.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import shapley_credit

LABELS = ("Returns", "Yields", "Cost", "Raises", "Source")


def setup(app: Any) -> dict[str, bool]:
    """Connect the hook; what Sphinx calls."""
    app.connect("autodoc-process-docstring", process)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def process(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Replace the lines of a docstring, in place."""
    lines[:] = marked_up("\n".join(lines), parameters_of(thing))


def parameters_of(thing: Any) -> list[str]:
    """The names that a docstring may explain."""
    try:
        return [name for name in inspect.signature(thing).parameters if name not in ("self", "cls")]
    except (TypeError, ValueError):
        return []


def marked_up(text: str, parameters: Sequence[str] = ()) -> list[str]:
    """The lines of a docstring in reStructuredText."""
    made: list[str] = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        made += [*_block(block.splitlines(), parameters), ""]
    return made


def _block(lines: list[str], parameters: Sequence[str]) -> Iterator[str]:
    """One paragraph, equation, session or list of explained names."""
    if lines[0].startswith(">>>"):
        yield from lines
    elif lines[0].startswith("  "):
        yield from _literal(lines)
    elif lines[0] in ("Attributes:", "Args:"):
        yield from _explained([line.removeprefix("    ") for line in lines[1:]], r"\w+(?:, \w+)*")
    else:
        yield from _explained(lines, _keys(parameters))


def _literal(lines: list[str]) -> Iterator[str]:
    yield from (".. code-block:: text", "")
    yield from textwrap.indent(textwrap.dedent("\n".join(lines)), "    ").splitlines()


def _keys(parameters: Sequence[str]) -> str:
    """A pattern of the names that a sentence explains, several of them and with a symbol or a value each."""
    one = rf"\*{{0,2}}`?(?:{'|'.join(map(re.escape, parameters)) or '(?!)'})\b(?:=[^\s:;]+)?`?(?: [A-Za-z](?:_\w+)?\b)?"
    return rf"{one}(?:(?:,? and |, ){one})*"


def _explained(lines: list[str], keys: str) -> Iterator[str]:
    """Sentences in paragraphs; those that explain a name, or begin with a label, as entries of a list."""
    starts = rf"(?<=[.;] )(?=(?:{keys}): )|(?<=\. )(?=(?:{'|'.join(LABELS)}):? )"
    prose: list[str] = []
    for entry in (part.strip() for line in _joined(lines, keys) for part in re.split(starts, line)):
        if found := re.match(rf"(?:({keys}):|({'|'.join(LABELS)}):?) (.*)", entry):
            yield from _paragraph(prose)
            yield from (f"``{found[1].replace('`', '')}``" if found[1] else f"**{found[2]}**", f"    {inline(found[3])}")
        else:
            prose.append(entry)
    yield from _paragraph(prose)


def _joined(lines: list[str], keys: str) -> Iterator[str]:
    """Lines with their continuations: of an explained name those that are indented, else all up to the next name or label."""
    entry = ""
    for line in lines:
        begins = re.match(rf"(?:{keys}): |(?:{'|'.join(LABELS)}):? ", line)
        if entry and (begins or (re.match(rf"(?:{keys}): ", entry) and not line.startswith("  "))):
            yield entry
            entry = ""
        entry = f"{entry} {line.strip()}".strip()
    yield entry


def _paragraph(prose: list[str]) -> Iterator[str]:
    if prose:
        yield from ("", inline(" ".join(prose)), "")
        prose.clear()


def inline(text: str) -> str:
    """Words of a sentence: `code` as code, public names as links, and nothing else that would be read as a mark."""
    pieces = re.split(r"(`[^`]+`)", text)
    return "".join(_code(piece[1:-1]) if place % 2 else _escaped(piece) for place, piece in enumerate(pieces))


def _code(text: str) -> str:
    name = text.removeprefix("sc.")
    return f":py:obj:`{text} <shapley_credit.{name}>`" if name in shapley_credit.__all__ else f"``{text}``"


def _escaped(text: str) -> str:
    return re.sub(r"([*|\\]|(?<=\w)_(?!\w))", r"\\\1", text)
