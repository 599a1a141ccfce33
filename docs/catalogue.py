"""Writes docs/utilities.md, docs/utilities/, one page a family, from the docstrings of shapley_credit.utilities, and its stub.

python docs/catalogue.py            writes the pages
python docs/catalogue.py --check    exits 1 if the pages are not what would be written
"""

from __future__ import annotations

import argparse
import doctest
import inspect
import os
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from shapley_credit import dispatch, utilities

DOCS = Path(__file__).parent
INDEX, FOLDER, STUB = "utilities.md", "utilities", "../shapley_credit/utilities/__init__.pyi"
WIDTH = 118

INTRODUCTION = """\
# Utilities

This catalogue lists every utility that the library credits exactly, for whoever looks for a set reward or for its formula. Each
page has the definition, the formula of the credit, the cost, the errors, and an example that the tests run; it names a source
where there is one. [which_utility.md](which_utility.md) chooses by question, [families.md](families.md) has errors and times.

- `S` is a set of members, and `N` is the set of all `k` members. `phi_i` is the Shapley value of member `i`. `H_n` is the
  harmonic number `1 + 1/2 + .. + 1/n`. Leading axes `...` are groups.
- `mask=` is False for absent members. An absent member gets exactly 0 and changes nobody else's credit. All terms of a sum have
  the same absent members.
- A cost is that of the Shapley values of one group. [theory.md](theory.md) has the costs of other values.

`docs/catalogue.py` writes these pages from the docstrings of `shapley_credit.utilities`.
"""

KERNELS = """\
## Kernels

A kernel is a function `shapley_kernels.<form>.<role>.<game>` that solves one kind of game; [theory.md](theory.md) says how. The
table lists the kernels that solve the examples of the pages.
"""


class Docstring(NamedTuple):
    """The parts of a docstring, as sentences without their labels and final stops."""

    summary: str
    equations: list[str]
    notes: list[str]
    symbols: list[str]
    cost: list[str]
    errors: list[str]
    sources: list[str]
    example: str


def entries() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Everything exported, and the public constructors of classes, by name."""
    found: dict[str, Callable[..., Any]] = {}
    for name in utilities.__all__:
        thing = getattr(utilities, name)
        found[name] = thing
        for method, member in vars(thing).items() if isinstance(thing, type) else ():
            if isinstance(member, classmethod) and not method.startswith("_"):
                found[f"{name}.{method}"] = getattr(thing, method)
    yield from sorted(found.items(), key=lambda entry: (entry[0].casefold(), entry[0]))


def signature(name: str, thing: Callable[..., Any]) -> str:
    """The call without annotations, broken between parameters where it is long."""
    spec = inspect.signature(thing)
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in spec.parameters.values()]
    call = f"{name}{spec.replace(parameters=bare, return_annotation=inspect.Signature.empty)}"
    return textwrap.fill(call, WIDTH, subsequent_indent=" " * (len(name) + 1), break_long_words=False, break_on_hyphens=False)


def read(name: str, thing: Callable[..., Any]) -> Docstring:
    """Sort the sentences of a docstring by how they begin; what begins like nothing known is a note."""
    text = inspect.getdoc(thing)
    if not text:
        raise SystemExit(f"{name} has no docstring, so docs/utilities cannot describe it.")
    prose, mark, session = text.partition(">>>")
    doc = Docstring("", [], [], [], [], [], [], (mark + session).strip())
    parameters = list(inspect.signature(thing).parameters)
    summary = ""
    for place, (sentence, displayed) in enumerate(_sentences(prose, parameters)):
        if displayed:
            doc.equations.append(_without_sources(sentence, doc.sources))
        elif sentence.startswith("Cost "):
            doc.cost.append(sentence.removeprefix("Cost "))
        elif sentence.startswith("Raises "):
            doc.errors.append(sentence.removeprefix("Raises "))
        elif sentence.startswith("Source: "):
            doc.sources.append(sentence.removeprefix("Source: "))
        elif place and _starts_with_parameter(sentence, parameters):
            doc.symbols.extend(_symbols(sentence, parameters))
        elif place and sentence.startswith(("Shapley", "v(S) =", "phi")):
            doc.equations.append(_without_sources(sentence, doc.sources))
        elif place:
            doc.notes.append(_without_sources(sentence, doc.sources))
        else:
            words, definition = _split_definition(_without_sources(sentence, doc.sources))
            summary = words
            doc.equations.extend(definition)
    return doc._replace(summary=summary)


def _sentences(prose: str, parameters: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Sentences without their final stop, and whether they stand as a displayed (indented) block."""
    for paragraph in re.split(r"\n\s*\n", prose.strip("\n")):
        if paragraph.startswith(" "):
            yield " ".join(paragraph.split()).removesuffix("."), True
            continue
        flat = " ".join(paragraph.split())
        start = depth = 0
        for place, letter in enumerate(flat):
            # Counted together, because half-open intervals mix the kinds of bracket.
            depth = max(depth + (letter in "([{") - (letter in ")]}"), 0)
            if letter == "." and not depth and _ends_sentence(flat, place, parameters):
                yield flat[start:place].strip(), False
                start = place + 1
        if flat[start:].strip():
            yield flat[start:].strip(), False


def _ends_sentence(flat: str, place: int, parameters: Sequence[str]) -> bool:
    before, after = flat[:place], flat[place + 1 :]
    if not before or before[-1] in ". " or before.endswith(("e.g", "i.e", "et al")):
        return False
    if not after.startswith(" "):
        return not after
    rest = after.lstrip()
    return rest[:1].isupper() or rest[:1] == "`" or rest.startswith(("v(S)", "phi")) or _starts_with_parameter(rest, parameters)


def _keys(parameters: Sequence[str]) -> str:
    """A pattern of what a text explains: `name`, `name x` with its symbol, `one, two`, `one and two`, or `name=value`."""
    name = rf"`?(?:{'|'.join(map(re.escape, parameters)) or '(?!)'})\b(?:=[^\s:;]+)?`?(?: [A-Za-z](?:_\w+)?\b)?"
    return rf"{name}(?:(?:,? and |, ){name})*"


def _starts_with_parameter(sentence: str, parameters: Sequence[str]) -> bool:
    return re.match(rf"{_keys(parameters)}: ", sentence) is not None


def _symbols(sentence: str, parameters: Sequence[str]) -> Iterator[str]:
    """The sentence cut at the semicolons that a parameter follows, the names of parameters as code."""
    keys = _keys(parameters)
    for part in re.split(rf"; (?={keys}:? )", sentence):
        yield re.sub(rf"^{keys}(?=:? )|(?<!\S){keys}(?=: )", lambda match: _coded(match[0]), part)


def _coded(keys: str) -> str:
    names = (key.replace("`", "").partition(" ") for key in re.split(r",? and |, ", keys))
    return ", ".join(f"`{name}`{space}{symbol}" for name, space, symbol in names)


def _split_definition(sentence: str) -> tuple[str, list[str]]:
    """The words before the first equation, and the equation."""
    found = re.search(r"v\((?:S|empty)\)", sentence)
    words = sentence[: found.start()].rstrip(" ,:;") if found else ""
    return (words, [sentence[found.start() :]]) if found and words else (sentence, [])


def _without_sources(sentence: str, sources: list[str]) -> str:
    """The sentence without its references in parentheses, which are added to the sources."""
    reference = re.compile(r"\s*\(([^()]*[A-Za-z][^()]*\b(?:18|19|20)\d\d\b[^()]*)\)")
    sources.extend(source for source in reference.findall(sentence) if source not in sources)
    return reference.sub("", sentence)


def _inline(text: str) -> str:
    """Text as Markdown: shapes and costs as code, and nothing that Markdown would read as a mark."""
    coded = re.sub(r"\[\.\.\.[^\]]*\]|\bO\((?:[^()]|\([^()]*\))*\)", lambda match: f"`{match[0]}`", text)
    pieces = re.split(r"(`[^`]*`)", coded)
    return "".join(piece if place % 2 else _escaped(piece) for place, piece in enumerate(pieces))


def _escaped(text: str) -> str:
    return re.sub(r"(?<!\w)_|[*]|<(?=[A-Za-z/!?])", lambda match: "\\" + match[0], text)


def _filled(text: str, first: str = "", later: str = "") -> str:
    return textwrap.fill(
        text, WIDTH, initial_indent=first, subsequent_indent=later, break_long_words=False, break_on_hyphens=False
    )


def _slug(name: str) -> str:
    return re.sub(r"[^\w -]", "", name.lower()).replace(" ", "-")


def section(name: str, thing: Callable[..., Any]) -> str:
    """One utility in Markdown, without its heading."""
    doc = read(name, thing)
    parts = [f"```python\n{signature(name, thing)}\n```"]
    parts.append(_filled(" ".join(_inline(f"{text}.") for text in (doc.summary, *doc.notes))))
    if doc.equations:
        parts.append("\n".join(["```text", *(_filled(equation, later="    ") for equation in doc.equations), "```"]))
    items = [_inline(symbol) for symbol in doc.symbols]
    kernels = [", ".join(f"`{kernel}`" for kernel in kernels_of(doc.example))]
    for label, texts in (("Cost", doc.cost), ("Errors", doc.errors), ("Source", doc.sources), ("Kernels", kernels)):
        items += [f"{label}: {_inline('; '.join(texts))}"] if texts else []
    parts.append("\n".join(_filled(f"{item}.", "- ", "  ") for item in items))
    parts.append(f"```python\n{doc.example}\n```")
    return "\n\n".join(part for part in parts if part)


def kernels_of(example: str) -> list[str]:
    """The kernels that solve the utility of a docstring's example, `form.game`, in the order of its problems."""
    asked: list[str] = []
    genuine = dispatch.kernel

    def kernel(form: str, game: str, role: dispatch.Role) -> Callable[..., Any]:
        asked.append(f"{form}.{game}")
        return genuine(form, game, role)

    test = doctest.DocTestParser().get_doctest(example, {}, "example", None, None)
    with mock.patch.object(dispatch, "kernel", kernel), mock.patch.object(dispatch, "role", return_value="ref"):
        doctest.DocTestRunner().run(test)
    return list(dict.fromkeys(asked))


def pages() -> dict[str, str]:
    """The text of every page by its place in docs."""
    found = dict(entries())
    rows = ["| utility | what it is |", "|---|---|"]
    users: dict[str, dict[str, str]] = {}
    written: dict[str, str] = {}
    for name, thing in found.items():
        family = name.partition(".")[0]
        place = f"{FOLDER}/{family}.md"
        link = f"[`{name}`]({place}{'' if name == family else '#' + _slug(name)})"
        doc = read(name, thing)
        rows.append(f"| {link} | {_inline(doc.summary).replace('|', chr(92) + '|')} |")
        for kernel in kernels_of(doc.example):
            users.setdefault(kernel, {})[family] = f"[`{family}`]({place})"
        start = f"# {name}\n\nOne of the [utilities](../{INDEX}), where the notation is." if name == family else f"## {name}"
        written[place] = "\n\n".join(filter(None, (written.get(place, "").rstrip(), start, section(name, thing)))) + "\n"
    solved = [
        "| kernel | utilities |",
        "|---|---|",
        *(f"| `{kernel}` | {', '.join(users[kernel].values())} |" for kernel in sorted(users)),
    ]
    index = "\n\n".join([INTRODUCTION.rstrip(), "\n".join(rows), KERNELS.rstrip(), "\n".join(solved)]) + "\n"
    return {INDEX: index, **written, STUB: stub()}


def _as_imported(name: str) -> tuple[bool, str]:
    """Acronyms first, as the sorter of imports has them."""
    return not name.isupper(), name


def stub() -> str:
    """What type checkers read of the package, which imports families when they are first used."""
    homes = [(home, name) for home, names in utilities.HOMES.items() for name in sorted(names.split(), key=_as_imported)]
    imports = [f"from shapley_credit.utilities.{home} import {name} as {name}\n" for home, name in homes]
    return "".join(["# Written by docs/catalogue.py.\n", *imports, "\nHOMES: dict[str, str]\n__all__: list[str]\n"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the pages; the exit status."""
    parser = argparse.ArgumentParser(description="Write docs/utilities from the docstrings of shapley_credit.utilities.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a page is stale, missing or left over")
    wanted = pages()
    there = {
        Path(os.path.relpath(path, DOCS)).as_posix()
        for path in [DOCS / INDEX, *(DOCS / FOLDER).glob("*.md"), DOCS / STUB]
        if path.is_file()
    }
    if parser.parse_args(arguments).check:
        stale = [
            p for p in sorted(there | set(wanted)) if p not in there or wanted.get(p) != (DOCS / p).read_text(encoding="utf-8")
        ]
        if stale:
            print(f"docs/{', docs/'.join(stale)}: stale; run: python docs/catalogue.py")
        return int(bool(stale))
    (DOCS / FOLDER).mkdir(exist_ok=True)
    for page in there - set(wanted):
        (DOCS / page).unlink()
    for page, text in wanted.items():
        (DOCS / page).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
