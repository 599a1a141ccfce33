"""What the site makes of docstrings and of Markdown that GitHub shows."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.checkout

EXTENSIONS = Path(__file__).parents[2] / "docs" / "_ext"


@pytest.fixture
def extensions(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(EXTENSIONS))
    yield import_module("docstring_markup"), import_module("markdown_pages")
    for name in ("docstring_markup", "markdown_pages"):
        del sys.modules[name]


DOCSTRING = """Advantages of completions.

    A_i = (c_i - b_i) / s_i

credit: [N], |c|. groups, floor: ids, and the least
    divisor.

Returns [N] in the units of
credit. Cost O(N). Raises InputError for `NaN`.

>>> 1 + 1
2"""


def test_a_docstring_becomes_equation_names_and_labels(extensions: Any) -> None:
    markup, _ = extensions
    made = "\n".join(markup.marked_up(DOCSTRING, ["credit", "groups", "floor"]))
    assert ".. code-block:: text\n\n    A_i = (c_i - b_i) / s_i\n" in made
    assert "``credit``\n    [N], \\|c\\|.\n``groups, floor``\n    ids, and the least divisor.\n" in made
    assert (
        "**Returns**\n    [N] in the units of credit.\n**Cost**\n    O(N).\n**Raises**\n    InputError for ``NaN``.\n" in made
    )
    assert made.endswith(">>> 1 + 1\n2\n")


def test_what_is_no_parameter_stays_prose(extensions: Any) -> None:
    markup, _ = extensions
    assert markup.marked_up("One: two.", ["credit"])[1:2] == ["One: two."]


def test_links_to_the_root_lead_to_pages_of_the_site(extensions: Any) -> None:
    _, markdown = extensions
    assert markdown.on_the_site("page", "[a](../CONTRIBUTING.md#rules)") == "[a](contributing.md#rules)"
    assert markdown.on_the_site("trainers/trl", "[a](../../CHANGELOG.md)") == "[a](../changelog.md)"


def test_a_drawing_becomes_a_table_with_a_line_a_node(extensions: Any) -> None:
    _, markdown = extensions
    drawn = markdown.on_the_site("page", '```mermaid\ngraph TD\n  a["top<br>names"] --> b["below"]\n  a --> c\n```\n')
    assert drawn.splitlines()[2:] == ["| top | names | below, c |", "| below |  |  |", "| c |  |  |"]
    with pytest.raises(ValueError, match="Mermaid"):
        markdown.on_the_site("page", "```mermaid\nsequenceDiagram\n```\n")


def test_a_picture_in_two_schemes_becomes_two_pictures(extensions: Any) -> None:
    _, markdown = extensions
    given = (
        '<picture><source media="(prefers-color-scheme: dark)" srcset="d.png"><img alt="bars" src="l.png" width="5"></picture>'
    )
    assert markdown.on_the_site("page", given) == "![bars](l.png){.only-light}\n![bars](d.png){.only-dark}"
