"""Gradient-boosted trees over coalitions, by LightGBM, as sums of product games."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shapley_credit.blackbox.structure import Structure
from shapley_credit.errors import MissingExtraError, install

Array = NDArray[Any]

ROUNDS = 200
# One thread and a fixed order of additions: equal values give equal trees.
SETTINGS = {
    "objective": "regression",
    "learning_rate": 0.1,
    "num_leaves": 15,
    "min_data_in_leaf": 5,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "seed": 0,
    "verbose": -1,
}


class Ensemble(NamedTuple):
    """sum_l value_l [needed_l within S] [excluded_l outside S]: needed, excluded bool [L, k], value [L]."""

    needed: Array
    excluded: Array
    value: Array

    def predict(self, coalitions: Array) -> Array:
        """[M] at coalitions [M, k]."""
        present = coalitions.astype(np.float64)
        broken = (1 - present) @ self.needed.T + present @ self.excluded.T
        total: Array = (broken == 0) @ self.value
        return total

    def credits(self, structure: Structure) -> Array:
        """[k], exact."""
        games = structure.products(1.0 - self.excluded, 1.0 - self.needed)
        credit: Array = self.value @ games
        return credit


def fit(coalitions: Array, values: Array) -> Ensemble:
    """Trees fitted on coalitions bool [m, k] and their values [m]. Raises MissingExtraError without LightGBM."""
    if not find_spec("lightgbm"):
        raise MissingExtraError(f"method 'boosted' needs lightgbm, which is not installed; {install('boosted')}")
    import lightgbm

    data = lightgbm.Dataset(coalitions.astype(np.float64), values, free_raw_data=False)
    model = lightgbm.train(SETTINGS, data, num_boost_round=ROUNDS).dump_model()
    k = coalitions.shape[1]
    leaves: list[tuple[Array, Array, float]] = []
    empty = np.zeros(k, np.bool_)
    for tree in model["tree_info"]:
        waiting = [(tree["tree_structure"], empty, empty)]
        while waiting:
            node, needed, excluded = waiting.pop()
            if "leaf_value" in node:
                leaves.append((needed, excluded, node["leaf_value"]))
                continue
            own = np.arange(k) == node["split_feature"]
            waiting += [(node["right_child"], needed | own, excluded), (node["left_child"], needed, excluded | own)]
    all_needed, all_excluded, value = zip(*leaves, strict=True)
    return Ensemble(np.array(all_needed), np.array(all_excluded), np.array(value))
