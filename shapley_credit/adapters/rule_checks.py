"""Whether a rule for whole responses can be what a configuration says, before a run begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from shapley_credit.credit.baselines import NEEDS
from shapley_credit.methods.group_rules import group_advantages


def check_rule(rule: str, parameters: Mapping[str, Any]) -> None:
    """Raise InputError for what `group_advantages` refuses whatever the responses are.

    For a group in which everybody is absent it checks all else.
    """
    size = parameters["m"] + 1 if isinstance(parameters.get("m"), int) else 1
    weights = parameters.get("weights")
    nobody = np.full((size, 1 if weights is None else np.size(weights)) if rule == "gdpo" else size, np.nan)
    group_advantages(rule, nobody, size, columns={name: [0.0] * size for name in NEEDS.values()}, **parameters)
