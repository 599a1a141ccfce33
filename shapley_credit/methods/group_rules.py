"""Rules of credit for the responses to one prompt, by name: what a trainer's configuration can say.

Parallel responses are paid for what their group is worth: the best of it, a pass, its different answers. `GROUP_RULES` holds
the rules, `group_advantages` applies one to a batch; docs/recipes.md derives each from a set utility.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from shapley_credit.convert import Array, to_host
from shapley_credit.credit.baselines import BASELINES, NEEDS, SCALES
from shapley_credit.credit.groups import advantages
from shapley_credit.credit.increments import RULES
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import flags, one_of, shown
from shapley_credit.inputs.fields import refuse_none
from shapley_credit.inputs.ids import codes_of
from shapley_credit.inputs.tensors import numbers
from shapley_credit.methods.group_credits import Responses
from shapley_credit.methods.group_table import GROUP_RULES, GroupRule, Setting

__all__ = ["GROUP_RULES", "GroupRule", "Setting", "SmallGroupsError", "group_advantages"]

# What every rule takes beside its own parameters.
COMMON = ("baseline", "scale", "floor")


class SmallGroupsError(InputError):
    """No group of the batch is large enough for m, so that all advantages would be 0."""


def group_advantages(
    rule: str,
    rewards: Any,
    groups: Any,
    *,
    columns: Mapping[str, Any] | None = None,
    present: Any = None,
    **parameters: Any,
) -> Array:
    """Advantages of the responses to prompts, by the name of a rule.

        A_i = (c_i - b_i) / s_i,    c_i the equation of the rule among the present responses to the prompt of i

    shapley, banzhaf, leave_one_out     credit in a set utility, the best of the group or `utility=`
    best_minus_second, pkpo, maxpo      the best of all, the best of m
    pass_at_k, maxrl                    passes of m, passes of all numbers; pass_at_k reads rewards 0 and 1, maxrl any
    distinct, entropy, gapo, coverage   different answers and items; rewards above 0 say which responses count, but not for gapo
    gcpo                                a determinant of embeddings, weighted by the reward
    gdpo                                several rewards, each scaled by itself

    `GROUP_RULES[rule]` has the equation, what it follows, its paper, columns and parameters.
    rewards: [N], of responses in any order; for gdpo [N, R]. NaN marks an absent response, which gets exactly 0 and changes no
        other advantage. groups: N ids of prompts, or how many neighbours are a group, as in `advantages`; of any sizes.
    columns: what a rule reads beside rewards, by name, one entry a response; others are not looked at. lengths and without, for
        the baselines that need them, are columns too.
    present: flags [N], False for responses that are absent whatever their reward.
    parameters: those of the rule, and baseline, scale and floor as in `advantages`, in place of the rule's own.

    Returns float64 [N]. Rules of m pay 0 to a group of fewer than m present responses (maxpo and pass_at_k: no more than m).
    Every group has the bits that it has by itself, but for gdpo and scale="batch_std", which look at the whole batch.
    Cost: that of the utility (`docs/utilities.md`), groups of one size solved together; coverage O(items), gcpo O(n^3 + n^2 d).
    Raises InputError for rules and parameters that do not exist, a column that is missing or does not fit, and as `advantages`;
    SmallGroupsError, which is one, for m for which no group of the batch is large enough.

    >>> from shapley_credit.methods.group_rules import group_advantages
    >>> group_advantages("maxrl", [1.0, 0.0, 0.0, 1.0], ["p", "p", "p", "q"])
    array([ 2., -1., -1.,  0.])
    >>> group_advantages("distinct", [1.0, 1.0, 1.0, 0.0], 4, columns={"answer": ["x", "x", "y", "z"]}, baseline="none")
    array([0.5, 0.5, 1. , 0. ])
    """
    known = _known(rule)
    settings = _settings(known, parameters)
    values = _rewards(known, rewards, present)
    codes, _ = codes_of(groups, values)
    own = {name: settings.pop(name) for name in known.parameters}
    given, side = dict(columns or {}), NEEDS.get(settings["baseline"])
    sides: dict[str, Any] = {} if side is None else {side: given.get(side)}
    if known.credit is None:
        return np.asarray(advantages(values, codes, **settings, **sides, **own))
    _check_sizes(known, codes, own)
    credit, rows = np.full(len(values), np.nan), np.flatnonzero(~np.isnan(values))
    if len(rows):
        credit[rows] = known.credit(Responses(values[rows], codes[rows], rows, len(values), given), **own)
    return np.asarray(advantages(credit, codes, **settings, **sides))


def _known(rule: str) -> GroupRule:
    if isinstance(rule, str) and rule in RULES:
        raise InputError(
            f"{rule!r} is a rule for the segments or turns of one response, which are written in an order; parallel responses "
            f"have none. For groups there are {', '.join(GROUP_RULES)}."
        )
    one_of(rule, GROUP_RULES, "the rule of a group")
    return GROUP_RULES[rule]


def _settings(rule: GroupRule, given: Mapping[str, Any]) -> dict[str, Any]:
    """All parameters of the rule, checked."""
    strange = [name for name in given if name not in rule.parameters and name not in COMMON]
    if strange:
        raise InputError(f"{rule.name} takes {', '.join([*rule.parameters, *COMMON])}; got {', '.join(map(shown, strange))}.")
    settings = {"baseline": rule.baseline, "scale": rule.scale, "floor": 1e-3}
    settings |= {name: setting.default for name, setting in rule.parameters.items()}
    settings |= given
    for name, setting in rule.parameters.items():
        setting.check(settings[name])
    one_of(settings["baseline"], BASELINES, "baseline")
    one_of(settings["scale"], ("decoupled",) if rule.credit is None else SCALES, "scale")
    return settings


def _rewards(rule: GroupRule, rewards: Any, present: Any) -> Array:
    """Rewards in float64, NaN for the absent."""
    array = to_host(rewards, "rewards")
    refuse_none(array, "rewards", "Pass NaN, or present=False, for a response that has none")
    values = numbers(array, "rewards", np.zeros(0))
    shape = "[N]" if rule.credit else "[N, R]"
    if values.ndim != (1 if rule.credit else 2) or not all(values.shape):
        raise InputError(f"rewards of {rule.name} must be {shape}, N at least 1; got shape {values.shape}.")
    if present is None:
        return np.asarray(values)
    here = flags(present, "present")
    if here.shape != values.shape[:1]:
        raise InputError(f"present must be a flag for each of {len(values)} responses; got shape {here.shape}.")
    return np.where(here if rule.credit else here[:, None], values, np.nan)


def _check_sizes(rule: GroupRule, codes: Array, own: Mapping[str, Any]) -> None:
    largest, least = int(np.bincount(codes).max()), rule.least(own.get("m", 1))
    if largest < least:
        raise SmallGroupsError(
            f"{rule.name} with m={own['m']} pays groups of at least {least} responses; the largest here has {largest}, so that "
            "all advantages would be 0. Use a smaller m, or more responses a prompt."
        )
