"""Markdown that GitHub shows, as the site shows it: an extension of Sphinx."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any

Rewrite = Callable[[str], str]

ROOT = Path(__file__).parents[2]

# Pages of the root of the repository, and the pages of docs that the site shows them as.
OF_THE_ROOT = {"README": "index", "CHANGELOG": "changelog", "CONTRIBUTING": "contributing", "SECURITY": "security"}


def setup(app: Any) -> dict[str, bool]:
    """Connect the hook; what Sphinx calls."""
    app.connect("source-read", lambda _, name, source: source.__setitem__(0, on_the_site(name, source[0])))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def on_the_site(name: str, text: str) -> str:
    """The text of a page, by its name without .md, as MyST reads it."""
    if name in OF_THE_ROOT.values() and name != "index":
        text = (ROOT / f"{name.upper()}.md").read_text(encoding="utf-8").replace("](docs/", "](")
    rewrites: list[Callable[[str], str]] = [
        links_to_the_root,
        titles_of_pages,
        sessions,
        pictures_by_scheme,
        drawings_as_tables,
    ]
    return reduce(lambda read, rewrite: rewrite(read), rewrites, text)


def links_to_the_root(text: str) -> str:
    """Links to pages of the root lead to the pages that show them."""
    return re.sub(
        rf"\]\(((?:\.\./)*)\.\./({'|'.join(OF_THE_ROOT)})\.md", lambda found: f"]({found[1]}{OF_THE_ROOT[found[2]]}.md", text
    )


def titles_of_pages(text: str) -> str:
    """A link that shows the name of a file shows the title that it leads to."""
    return re.sub(r"\[`?(?:docs/)?(\w+\.md)`?\](?=\((?:[\w./]*/)?\1[)#])", "[]", text)


def sessions(text: str) -> str:
    """Sessions are coloured as sessions."""
    return text.replace("```python\n>>> ", "```pycon\n>>> ")


def pictures_by_scheme(text: str) -> str:
    """A picture in two schemes, as the two pictures of which the theme hides one."""
    source = r'<source media="\(prefers-color-scheme: dark\)" srcset="([^"]+)">'
    image = r'<img alt="([^"]+)" src="([^"]+)"[^>]*>'
    return re.sub(
        rf"<picture>\s*{source}\s*{image}\s*</picture>",
        lambda found: f"![{found[2]}]({found[3]}){{.only-light}}\n![{found[2]}]({found[1]}){{.only-dark}}",
        text,
    )


def drawings_as_tables(text: str) -> str:
    """A Mermaid graph as a table with a line a node; nothing has to be fetched or run to show it."""
    return re.sub(r"```mermaid\n(.*?)```\n", lambda found: _table_of(found[1]), text, flags=re.DOTALL)


def _table_of(graph: str) -> str:
    kind, *lines = graph.strip().splitlines()
    label = r"(\w+)(?:\[\"([^\"]+)\"\])?"
    arrows = [re.fullmatch(rf"\s*{label} --> {label}\s*", line) for line in lines]
    if kind.split()[0] != "graph" or not all(arrows):
        raise ValueError(f'The site shows Mermaid graphs of lines a["label"] --> b alone; found {graph!r}.')
    labels: dict[str, str] = {}
    targets: dict[str, list[str]] = {}
    for above, above_label, below, below_label in (arrow.groups() for arrow in arrows if arrow):
        for node, text in ((above, above_label), (below, below_label)):
            labels[node] = text or labels.get(node, node)
            targets.setdefault(node, [])
        targets[above].append(below)
    name = {node: text.partition("<br>")[0] for node, text in labels.items()}
    rows = [f"| {name[n]} | {labels[n].partition('<br>')[2]} | {', '.join(name[t] for t in targets[n])} |" for n in labels]
    return "\n".join(["| | | arrows to |", "|---|---|---|", *rows]) + "\n"
