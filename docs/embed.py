"""The programs of docs/examples, copied into the pages of docs/trainers: python docs/embed.py, or --check.

A page names a file as `[trl_turns.py](../examples/trl_turns.py):`, and the block of Python behind that line is the file.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

DOCS = Path(__file__).parent
BLOCK = re.compile(r"(?<=\]\(\.\./examples/)(\w+\.py)\):\n\n```python\n.*?\n```\n", re.DOTALL)


def embedded(page: str) -> str:
    """The text of a page with the files that it names as they are now."""

    def block(found: re.Match[str]) -> str:
        text = (DOCS / "examples" / found[1]).read_text(encoding="utf-8")
        return f"{found[1]}):\n\n```python\n{text}```\n"

    return BLOCK.sub(block, page)


def main(arguments: Sequence[str]) -> int:
    """Write the pages, or with --check name those that are stale. Returns the exit status."""
    pages = {path: path.read_text(encoding="utf-8") for path in sorted((DOCS / "trainers").glob("*.md"))}
    stale = [path for path, text in pages.items() if embedded(text) != text]
    if "--check" in arguments:
        print("".join(f"{path.relative_to(DOCS.parent)}: stale; run: python docs/embed.py\n" for path in stale), end="")
        return bool(stale)
    for path in stale:
        path.write_text(embedded(pages[path]), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
