"""Games and credits in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_credit.display.text_table import TextTable
from shapley_credit.solve.callables import members_of

Array = NDArray[Any]


def games_text(games: Mapping[str, Array]) -> str:
    """Games of as many members, side by side: every coalition with its values, small coalitions first."""
    tables = list(games.values())
    sets = sorted(map(members_of, range(len(tables[0]))), key=lambda members: (len(members), members))
    rows = [[_coalition(one), *(f"{table[sum(1 << i for i in one)]:.6g}" for table in tables)] for one in sets]
    return str(TextTable(("coalition", *games), rows))


def _coalition(members: Sequence[int]) -> str:
    return ", ".join(map(str, members)) or "(empty)"


def numbers(row: Array) -> str:
    """Credits in words."""
    return ", ".join(f"{number:.6g}" for number in np.asarray(row, np.float64))
