"""Which families can have their members exchanged, dropped, or split into groups."""

from __future__ import annotations

from shapley_credit import Utility
from shapley_credit.testing.instances import FAMILIES, fields_of

# Families whose members stand in a fixed order can't have them exchanged.
EXCHANGEABLE = [family for family in FAMILIES if not any("line" in spec.axes for spec in fields_of(family))]
# Families in which an absent member is not a dropped one: it breaks a line, or keeps a set from being complete.
DROPPABLE = [family for family in EXCHANGEABLE if not any(spec.domain == "membership" for spec in fields_of(family))]


def is_split(family: type[Utility]) -> bool:
    """Whether each entry of its arrays is of one member, or of none, so that groups= splits it."""
    return not any(
        spec.axes.count("k") > 1 or spec.domain == "membership" or {"line", "coalitions"} & {*spec.axes}
        for spec in fields_of(family)
    )


SPLIT = [family for family in FAMILIES if is_split(family)]
WHOLE = [family for family in FAMILIES if not is_split(family)]
