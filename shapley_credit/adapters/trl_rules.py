"""TRL: GRPO and RLOO whose advantages come from a rule of credit for groups, by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shapley_credit.adapters.partial_batches import advantages_of_part
from shapley_credit.adapters.rule_checks import check_rule
from shapley_credit.adapters.trl_checks import refuse_base, refuse_group_settings
from shapley_credit.adapters.trl_trainers import Step, with_advantages
from shapley_credit.adapters.utility_text import WrittenUtility, with_utility
from shapley_credit.credit.baselines import NEEDS
from shapley_credit.errors import InputError
from shapley_credit.methods.group_rules import GROUP_RULES, group_advantages

# What the set utilities that have a name read beside rewards.
READ = {"distinct": ("answer",), "entropy": ("answer",), "volume": ("embedding",)}


def group_credit(base: type[Any], rule: str, **parameters: Any) -> type[Any]:
    """A GRPOTrainer or RLOOTrainer whose advantages [B] are those of a rule of `methods.group_rules.GROUP_RULES`.

        A = group_advantages(rule, R, groups, **parameters),      R_i = sum_r w_r R_ir, w the reward_weights of the trainer

    base: `trl.GRPOTrainer`, `trl.RLOOTrainer` or a subclass.
    rule: "pass_at_k", "maxrl", .. A completion that no reward function answered for is absent. "gdpo" gets all rewards R_ir,
        and w as its weights.
    parameters: of the rule, such as m= or utility=, which may be a text as `with_utility` reads it, and baseline=, scale=,
        floor=. The trainer must be told scale_rewards="none", so that nothing is divided twice.

    A column that the rule reads beside rewards, such as answer, differs among the completions of a prompt: a reward function
    hands it to `log_extra`, or a rollout function returns it. A dataset's column of that name is refused, since it does not
    differ. A utility that is a function also gets the dataset's columns.

    Rules without columns are worked out on every process from the rewards that TRL gathers anyway. With columns whole groups
    are, as in `group_reward`, and a scale over the batch is refused. In evaluation groups that are too small for m get 0, with
    a warning. TRL's table of completions goes on showing its own advantages.
    Raises InputError for other trainers; a scale of TRL's; RLOO that changes rewards (beta, reward_clip_range) or advantages
    (normalize_advantages); columns that are missing; and as `group_advantages`.
    """
    refuse_base(base, "group credit", ("GRPOTrainer", "RLOOTrainer"))
    if "weights" in parameters:
        raise InputError("the weights of gdpo are reward_weights of the trainer; leave weights= out.")
    parameters = with_utility(rule, parameters)
    check_rule(rule, parameters)
    needed = _columns_of(rule, parameters)
    if needed is not None and (rule == "gdpo" or parameters.get("scale") == "batch_std"):
        raise InputError(
            f"{rule!r} scales over the batch and reads columns, of which a process has those of its own groups; use "
            "scale='group_std' or a baseline without columns."
        )

    def of_all(step: Step) -> Any:
        scores = step.scores.tolist() if rule == "gdpo" else step.rewards.tolist()
        more = {"weights": step.trainer.reward_weights.tolist()} if rule == "gdpo" else {}
        return step.scores.new_tensor(step.own(_rule_of(step)(rule, scores, step.size, **parameters, **more)))

    def by_columns(step: Step) -> Any:
        batch, scored = step.groups(_columns(step, needed or ())), list[Any]()
        with batch.trying():
            _refuse_missing(step, rule, needed or ())
            for group in batch.mine:
                rewards = group.pop("rewards")
                scored.append((_rule_of(step)(rule, rewards, batch.size, columns=group, **parameters).tolist(), []))
        return step.scores.new_tensor(batch.share(scored)[0])

    return with_advantages(base, "GroupCredit", refuse_group_settings, of_all if needed is None else by_columns)


def _rule_of(step: Step) -> Callable[..., Any]:
    """In evaluation groups may be smaller than in training, and a rule of m must not end the run."""
    return group_advantages if step.trainer.model.training else advantages_of_part


def _columns_of(rule: str, parameters: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The columns that the rule reads beside rewards, None for no columns; () for a function, which reads what it likes."""
    known, utility = GROUP_RULES[rule], parameters.get("utility")
    if callable(utility) and not isinstance(utility, WrittenUtility):
        return ()
    read = utility.columns if isinstance(utility, WrittenUtility) else READ.get(utility or "", ())
    side = NEEDS.get(parameters.get("baseline", known.baseline))
    return tuple(dict.fromkeys((*known.columns, *read, *([side] if side else [])))) or None


def _columns(step: Step, needed: tuple[str, ...]) -> dict[str, list[Any]]:
    beside = {**step.written, "lengths": [sum(mask) for mask in step.masks]}
    chosen = {name: beside[name] for name in needed if name in beside} if needed else {**step.columns, **beside}
    return {**chosen, "prompts": step.columns["prompts"], "rewards": step.own(step.rewards).tolist()}


def _refuse_missing(step: Step, rule: str, needed: tuple[str, ...]) -> None:
    for name in needed:
        if name not in step.written and name != "lengths":
            told = " That of the dataset is the same for all completions of a prompt." if name in step.columns else ""
            raise InputError(
                f"{rule!r} reads a column {name!r} with an entry for each completion; call log_extra({name!r}, ..) in a reward "
                f"function, or return it from a rollout_func.{told} There are: {', '.join(sorted(step.written)) or 'none'}."
            )
