"""Pictures of credit, drawn with matplotlib, which is imported when the first of them is drawn.

Every function draws into `ax`, or into a new figure of pyplot, and returns the Axes. It shows nothing and changes no setting.
Signed credit is blue above 0 and orange below, in every picture. `theme` is "light" or "dark"; None follows the figure.
"""

from __future__ import annotations

from shapley_credit.plots.curves import by_size, convergence, objective
from shapley_credit.plots.heat_maps import groups, pairs
from shapley_credit.plots.icicle import tree
from shapley_credit.plots.member_bars import bars, waterfall
from shapley_credit.plots.shaded_text import tokens

__all__ = ["bars", "by_size", "convergence", "groups", "objective", "pairs", "tokens", "tree", "waterfall"]
