"""Parameters of estimators from the configuration of a trainer, and its settings that work against them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import cache
from inspect import Parameter, signature
from typing import Any

from shapley_credit.errors import InputError

# What an advantage estimator is to verl and SkyRL: from their keywords to (advantages, returns).
Estimator = Callable[..., tuple[Any, Any]]

# Where parameters stand in the configuration of an algorithm.
NAME = "shapley_credit"


def configured(make: Callable[..., Estimator], **fixed: Any) -> Estimator:
    """The estimator of `make(**fixed)`, with the parameters that the trainer's configuration sets under `shapley_credit`.

    make: a maker of estimators, whose keywords are the parameters. fixed: those that the name of the estimator stands for.
    The estimator raises InputError for a parameter that there is not, or that is fixed.
    """
    plain = make(**fixed)
    takes = [each for each in signature(make).parameters.values() if each.name not in fixed]
    names, any_name = [each.name for each in takes], any(each.kind is Parameter.VAR_KEYWORD for each in takes)

    def estimate(
        token_level_rewards: Any,
        response_mask: Any,
        index: Any = None,
        config: Any = None,
        non_tensor_batch: Any = None,
        batch: Any = None,
        **given: Any,
    ) -> tuple[Any, Any]:
        asked = parameters_of(config)
        strange = [name for name in asked if name not in names and not any_name]
        if strange:
            raise InputError(
                f"{NAME} of the configuration has {', '.join(strange)}, which this estimator does not take; it takes "
                f"{', '.join(names)}."
            )
        made = make(**fixed, **asked) if asked else plain
        return made(
            token_level_rewards, response_mask, index, config=config, non_tensor_batch=non_tensor_batch, batch=batch, **given
        )

    return estimate


def parameters_of(config: Any) -> dict[str, Any]:
    """The parameters under `shapley_credit`, as plain Python; InputError for what is no mapping."""
    found = setting(config, NAME)
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise InputError(f"{NAME} of the configuration must hold parameters by name, such as {NAME}.m=4; got {found!r}.")
    return {str(name): plain(value) for name, value in found.items()}


def plain(value: Any) -> Any:
    """A list in the place of a sequence of a configuration."""
    return list(value) if hasattr(value, "__iter__") and not isinstance(value, str) else value


def setting(config: Any, name: str, default: Any = None) -> Any:
    """A setting of a configuration, which is a mapping, an object or None; the default where it is not there."""
    return config.get(name, default) if isinstance(config, Mapping) else getattr(config, name, default)


def warn_of_filters(config: Any) -> None:
    """Warn, once a process, of a filter that drops groups whose responses earn the same in all.

    verl: `filter_groups`; SkyRL: `zero_variance_filter`, `dynamic_sampling`.
    """
    if setting(setting(config, "filter_groups"), "enable", False):
        _warn("algorithm.filter_groups")
    if setting(config, "zero_variance_filter", False):
        _warn("zero_variance_filter")
    if setting(setting(config, "dynamic_sampling"), "type") is not None:
        _warn("dynamic_sampling")


@cache
def _warn(name: str) -> None:
    warnings.warn(
        f"{name} drops prompts whose responses earn the same in all; their segments and turns differ, and would still teach. "
        "Switch it off, or filter by a metric of your own.",
        stacklevel=2,
    )
