"""Random mutants: what is changed in a file, and what is left alone."""

from __future__ import annotations

from pathlib import Path

from random_mutants.sites import mutants_of

SOURCE = '''"""Text of a module, 1 < 2."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    LIMIT: int = 1


def clipped(x: "list[int]", most: int = 7) -> bool:
    """1 + 1."""
    if x[0] < most and not x[1:]:
        raise ValueError(f"at most {most + 1}")
    x.append(-most)
    return x[0] == x[1]


def __repr__() -> str:
    return "a" + "b"
'''

CHANGES = {
    (9, "most: int = 8"),
    (11, "if x[1] < most"),
    (11, "if x[0] <= most and"),
    (11, "if (x[0] < most or not x[1:]):"),
    (11, "and (x[1:]):"),
    (11, "not x[2:]"),
    (12, "        pass"),
    (13, "    pass"),
    (13, "x.append((most))"),
    (14, "return None"),
    (14, "x[0] != x[1]"),
    (14, "x[1] == x[1]"),
    (14, "x[0] == x[2]"),
}


def test_every_change_is_one_of_those_that_a_test_must_notice(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(SOURCE)
    found = mutants_of(path)
    for line, text in CHANGES:
        assert [mutant for mutant in found if mutant.line == line and text in _added(mutant.diff())], text
    assert len(found) == len(CHANGES)
    assert all(len(mutant.after.splitlines()) == len(SOURCE.splitlines()) for mutant in found)


def _added(diff: str) -> str:
    return "\n".join(line[1:] for line in diff.splitlines() if line.startswith("+"))
