"""The plans of estimates that get better and better, on the way to a whole plan."""

from __future__ import annotations

from collections.abc import Iterator

from shapley_credit.blackbox import adjusted
from shapley_credit.blackbox.kriging import method as kriging
from shapley_credit.blackbox.method_table import METHODS
from shapley_credit.blackbox.plan import Plan

# The first step, in multiples of the fewest evaluations of its method: with less, a standard error may be small by chance, and
# end the loop of a caller who waits for a small one.
START = 4


def step_plans(whole: Plan) -> Iterator[Plan]:
    """Plans of doubling budgets, each of which asks some of the coalitions of the next one; the last is the whole plan.

    On the way to exact values, and to the adjusted ones that `auto` takes for a large budget, kriging needs the fewest.
    """
    first = "kriging" if whole.method == "exact" or whole.wish == "auto" else whole.method
    # Up to so many coalitions those of kriging are among those of the whole plan, and are solved for in seconds.
    most = {"exact": kriging.LARGEST, "adjusted": adjusted.LARGEST}.get(whole.method, whole.budget)
    budget = START * METHODS[first].minimum(whole.structure)
    while budget < len(whole.coalitions):
        method = first if budget <= most else whole.method
        if budget >= METHODS[method].minimum(whole.structure):
            yield Plan(whole.structure, method, budget, whole.seed)
        budget *= 2
    yield whole
