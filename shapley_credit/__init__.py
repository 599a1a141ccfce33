"""Exact Shapley credit for sets of candidates, in polynomial time, on the array you hold."""

from shapley_credit import utilities
from shapley_credit.blackbox.evaluate import batched
from shapley_credit.errors import EvaluationError, InputError, MissingExtraError
from shapley_credit.utility import Utility
from shapley_credit.values import set_shapley

__version__ = "0.1.0"

__all__ = [
    "EvaluationError",
    "InputError",
    "MissingExtraError",
    "Utility",
    "batched",
    "set_shapley",
    "utilities",
]
