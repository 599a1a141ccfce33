"""verl: advantage estimators by name (`registered`), put into its registry wherever verl is installed.

verl 0.9 loads this module by its entry point `verl.plugins` on `import verl`; VERL_USE_EXTERNAL_PLUGINS=none turns that off.
Older versions from 0.6 on: VERL_USE_EXTERNAL_MODULES=shapley_credit.adapters.verl. Then `algorithm.adv_estimator=shapley`, and
`+algorithm.shapley_credit.baseline=leave_one_out` sets a parameter. A rule that bears the name of an estimator of verl's own,
gdpo, is `group_gdpo`.

verl 0.9.1 passes `non_tensor_batch` to its own `gdpo` alone. Rules that read columns, and segments by name, need a version that
passes it on; without it `shape_grpo` and `ospo` read rewards by token, and `gapo` says what to do. Nor does it pass sessions:
each output of an agent loop that returns several is a member of its own, but for `compute_advantage_of_rollouts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from shapley_credit.adapters.registered import ESTIMATORS, names_beside

__all__ = ["ESTIMATORS", "compute_advantage_of_rollouts", "register", "rollout_columns"]


def register() -> None:
    """Put the estimators into verl's registry; a second time changes nothing."""
    from verl.trainer.ppo.core_algos import AdvantageEstimator, register_adv_est

    for name, estimator in names_beside({each.value for each in AdvantageEstimator}).items():
        register_adv_est(name)(estimator)


def rollout_columns(batch_keys: Sequence[str]) -> dict[str, list[Any]]:
    """The columns session_id and output_index from the keys of verl's v1 trainer, `{uid}_{session_id}_{index}`.

    >>> from shapley_credit.adapters.verl import rollout_columns
    >>> rollout_columns(["a_0_0", "a_0_1", "a_1_0"])
    {'session_id': ['0', '0', '1'], 'output_index': [0, 1, 0]}
    """
    fields = [key.rsplit("_", 2) for key in batch_keys]
    return {"session_id": [each[-2] for each in fields], "output_index": [int(each[-1]) for each in fields]}


def compute_advantage_of_rollouts(data: Any, batch_keys: Sequence[str], adv_estimator: Any, **given: Any) -> Any:
    """verl's `compute_advantage_for_multi_trajectories` for estimators of this package, and verl's own for all others.

    The outputs of one rollout, which verl's v1 trainer knows by the keys of the batch, are one member of their group. Put it
    in the place of verl's, once before training: docs/frameworks.md has the line.
    data: the DataProto. batch_keys: `{uid}_{session_id}_{index}` of each row. adv_estimator: a name. given: gamma, config, ..
    Returns data with advantages and returns.
    """
    from verl.trainer.ppo.core_algos import get_adv_estimator_fn
    from verl.trainer.ppo.v1.utils import compute_advantage_for_multi_trajectories

    if adv_estimator in ("gae", "grpo") or not get_adv_estimator_fn(adv_estimator).__module__.startswith("shapley_credit."):
        return compute_advantage_for_multi_trajectories(data, batch_keys, adv_estimator, **given)
    advantages, returns = get_adv_estimator_fn(adv_estimator)(
        token_level_rewards=data.batch["token_level_rewards"],
        response_mask=data.batch["response_mask"],
        index=data.non_tensor_batch["uid"],
        config=given.get("config"),
        non_tensor_batch={**data.non_tensor_batch, **rollout_columns(batch_keys)},
    )
    data.batch["advantages"], data.batch["returns"] = advantages, returns
    return data


# verl loads the plugin and calls nothing, so that the import has to register.
if find_spec("verl") is not None:
    register()
