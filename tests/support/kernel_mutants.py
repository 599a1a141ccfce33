"""Wrong versions of kernels."""

from __future__ import annotations

from typing import NamedTuple


class Mutant(NamedTuple):
    """One replacement in the source of a kernel file."""

    form: str
    role: str
    right: str
    wrong: str
