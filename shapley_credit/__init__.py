"""Exact Shapley credit for sets of candidates, in polynomial time, on the array you hold."""

from shapley_credit import semivalues, utilities
from shapley_credit.blackbox.evaluate import batched
from shapley_credit.coalitions import CoalitionTree
from shapley_credit.errors import EvaluationError, InputError, MissingExtraError
from shapley_credit.utility import Utility
from shapley_credit.values import owen, set_semivalue, set_shapley

__version__ = "0.1.0"

__all__ = [
    "CoalitionTree",
    "EvaluationError",
    "InputError",
    "MissingExtraError",
    "Utility",
    "batched",
    "owen",
    "semivalues",
    "set_semivalue",
    "set_shapley",
    "utilities",
]
