"""verl: advantage estimators `shapley`, `shape_grpo`, `ospo`, `gapo` and `turns`, registered wherever verl is installed.

verl 0.9 loads this module by its entry point `verl.plugins` on `import verl`; VERL_USE_EXTERNAL_PLUGINS=none turns that off.
Older versions from 0.6 on: VERL_USE_EXTERNAL_MODULES=shapley_credit.adapters.verl. Then `algorithm.adv_estimator=shapley`.

verl 0.9.1 passes `non_tensor_batch` to its own `gdpo` alone. `gapo`, and segments by name, need a version that passes it on;
without it `shape_grpo` and `ospo` read rewards by token, and `gapo` says what to do. Nor does it pass sessions: each output of
an agent loop that returns several is a member of its own. Where the batch has a column `session_id`, such
outputs are refused.
"""

from __future__ import annotations

from importlib.util import find_spec

from shapley_credit.adapters.registered import ESTIMATORS

__all__ = ["ESTIMATORS", "register"]


def register() -> None:
    """Put the estimators into verl's registry; a second time changes nothing."""
    from verl.trainer.ppo.core_algos import register_adv_est

    for name, estimator in ESTIMATORS.items():
        register_adv_est(name)(estimator)


# verl loads the plugin and calls nothing, so that the import has to register.
if find_spec("verl") is not None:
    register()
