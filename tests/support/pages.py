"""The pages of docs/ whose Python is written as sessions."""

from __future__ import annotations

import doctest
import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[2] / "docs"


def run_sessions(page: str) -> dict[str, Any]:
    """Run the sessions of a page, later ones with the names of earlier ones, as a reader would; the names that they leave."""
    blocks = re.findall(r"```python\n(>>>.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    test = doctest.DocTestParser().get_doctest("".join(blocks), {}, page, page, 0)
    assert doctest.DocTestRunner().run(test, clear_globs=False).failed == 0
    return test.globs
