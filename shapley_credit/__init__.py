"""Exact Shapley credit for sets of candidates, in polynomial time, on the array you hold."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from shapley_credit import semivalues, utilities
from shapley_credit.coalitions import CoalitionTree
from shapley_credit.errors import EvaluationError, InputError, MissingExtraError
from shapley_credit.solve.callables import batched
from shapley_credit.utility import Utility
from shapley_credit.values import connected_shapley, marginal_vector, owen, set_semivalue, set_shapley

if TYPE_CHECKING:
    from shapley_credit import plots
    from shapley_credit.attribution.attribute import aattribute, attribute, attribute_progress
    from shapley_credit.attribution.attributed import Attribution
    from shapley_credit.blackbox.cache import Cache
    from shapley_credit.blackbox.estimate import aestimate, estimate
    from shapley_credit.blackbox.evaluate import aevaluate, evaluate
    from shapley_credit.blackbox.plan import plan, solve_plans
    from shapley_credit.blackbox.solution import Estimate
    from shapley_credit.credit.groups import advantages
    from shapley_credit.credit.tokens import scatter_credit, token_advantages
    from shapley_credit.credit.turns import turn_advantages
    from shapley_credit.explanation.explain import explain
    from shapley_credit.explanation.explained import Explanation
    from shapley_credit.explanation.interactions import interactions
    from shapley_credit.host_callback import jax_callback
    from shapley_credit.rollouts.frames import with_credit

__version__ = "0.1.0"

__all__ = [
    "Attribution",
    "Cache",
    "CoalitionTree",
    "Estimate",
    "EvaluationError",
    "Explanation",
    "InputError",
    "MissingExtraError",
    "Utility",
    "aattribute",
    "advantages",
    "aestimate",
    "aevaluate",
    "attribute",
    "attribute_progress",
    "batched",
    "connected_shapley",
    "estimate",
    "evaluate",
    "explain",
    "interactions",
    "jax_callback",
    "marginal_vector",
    "owen",
    "plan",
    "plots",
    "scatter_credit",
    "semivalues",
    "set_semivalue",
    "set_shapley",
    "solve_plans",
    "token_advantages",
    "turn_advantages",
    "utilities",
    "with_credit",
]

# The modules of names that are imported when they are first used: most programs need few of them.
_HOME_OF = {
    "Attribution": "attribution.attributed",
    "Cache": "blackbox.cache",
    "Estimate": "blackbox.solution",
    "Explanation": "explanation.explained",
    "aattribute": "attribution.attribute",
    "advantages": "credit.groups",
    "aestimate": "blackbox.estimate",
    "aevaluate": "blackbox.evaluate",
    "attribute": "attribution.attribute",
    "attribute_progress": "attribution.attribute",
    "estimate": "blackbox.estimate",
    "evaluate": "blackbox.evaluate",
    "explain": "explanation.explain",
    "interactions": "explanation.interactions",
    "jax_callback": "host_callback",
    "plan": "blackbox.plan",
    "plots": "plots",
    "scatter_credit": "credit.tokens",
    "solve_plans": "blackbox.plan",
    "token_advantages": "credit.tokens",
    "turn_advantages": "credit.turns",
    "with_credit": "rollouts.frames",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'shapley_credit' has no attribute {name!r}")
    home = import_module(f"shapley_credit.{_HOME_OF[name]}")
    found = globals()[name] = home if _HOME_OF[name] == name else getattr(home, name)
    return found


def __dir__() -> list[str]:
    return __all__
