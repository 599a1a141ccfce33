"""TRL: rewards that see whole groups on any number of processes, and token credit for GRPO.

Checked with TRL 1.16; token credit needs 0.26 or newer, whose loss takes advantages of shape [B, T].
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from shapley_credit import semivalues
from shapley_credit.adapters.logs import Extra, log
from shapley_credit.adapters.processes import GroupedRows, Processes
from shapley_credit.adapters.scoring import group_rewards, pay_segments, tokens_of
from shapley_credit.adapters.trl_checks import SCALES, refuse_base, refuse_padding, refuse_settings
from shapley_credit.credit.increments import Rule
from shapley_credit.credit.rules import check_spread
from shapley_credit.errors import InputError
from shapley_credit.semivalues import Semivalue


def group_reward(set_utility: Callable[..., Any], *, semivalue: Semivalue = semivalues.shapley) -> Callable[..., Any]:
    """Reward function for GRPOTrainer and RLOOTrainer that pays each completion its credit in the utility of its group.

        reward_i = phi_i(v),      v = set_utility(prompts=, completions=, completion_ids=, trainer_state=, COLUMN=, ..)

    set_utility: called once for each whole group, on one process, with lists over its G completions; returns their utility as
        `set_shapley` takes it: `u.Max(scores)`, a table, a function of members. May be `async def`. It abstains from a whole
        group by returning None, and from a completion by a utility whose mask says that it is absent: their rewards are None,
        which TRL leaves out. If it takes `log_metric` or `log_extra`, by name or by `**columns`, it gets them: TRL's own
        `log_metric`, and a `log_extra` that wants a value for each of the G completions.
    semivalue: Shapley by default: the rewards of a group add up to v(N) - v(empty).

    Groups may straddle processes: rows are gathered, groups dealt out, credits sent back; results do not depend on how many
    there are. Use `scale_rewards="none"`: dividing by the deviation of a group undoes the adding up. Logs credit/best_share,
    credit/entropy and credit/efficiency_residual. In TRL's asynchronous GRPO, which passes neither `log_metric` nor
    `trainer_state`, a call is a group, whose prompts may differ.
    Cost: the utility's, and two exchanges of Python objects a step. Raises InputError for a utility that does not fit, and for
    rows that are not in whole groups as far as their prompts tell.

    >>> from shapley_credit import utilities as u
    >>> from shapley_credit.adapters.trl import group_reward
    >>> reward = group_reward(lambda completions, **columns: u.Max([float(len(text)) for text in completions]))
    >>> reward(prompts=["Why?", "Why?"], completions=["so", "thus"])
    [1.0, 3.0]
    """
    processes = Processes()
    taken = [name for name in ("log_metric", "log_extra") if _takes(set_utility, name)]

    def ask(batch: GroupedRows, log_metric: Any, log_extra: Any) -> tuple[list[Any], list[Extra]]:
        extras = [Extra(batch.size) for _ in batch.mine]
        tools = [{"log_metric": log_metric, "log_extra": None if log_extra is None else extra} for extra in extras]
        given = [{name: tool[name] for name in taken if tool[name] is not None} for tool in tools]
        return [set_utility(**group, **more) for group, more in zip(batch.mine, given, strict=True)], extras

    def pay(batch: GroupedRows, utilities: Sequence[Any], extras: Sequence[Extra], *logs: Any) -> list[float | None]:
        scored = [group_rewards(utility, batch.size, semivalue) for utility in utilities]
        paid, figures = batch.share([(extra.beside(each), more) for extra, (each, more) in zip(extras, scored, strict=True)])
        log(paid, figures, *logs)
        return [reward for reward, _ in paid]

    def reward(log_metric: Any = None, log_extra: Any = None, **given: Any) -> list[float | None]:
        batch = _gather(processes.join(_trainer(log_metric)), _trainer(log_metric), given)
        return pay(batch, *ask(batch, log_metric, log_extra), log_metric, log_extra)

    async def reward_async(log_metric: Any = None, log_extra: Any = None, **given: Any) -> list[float | None]:
        # Exchanges block, so they run in threads. The processes join before any await, thus all in the order of the rewards.
        batch = await asyncio.to_thread(_gather, processes.join(_trainer(log_metric)), _trainer(log_metric), given)
        answers, extras = ask(batch, log_metric, log_extra)
        utilities = await asyncio.gather(*answers)
        return await asyncio.to_thread(pay, batch, utilities, extras, log_metric, log_extra)

    coroutine = inspect.iscoroutinefunction(set_utility) or inspect.iscoroutinefunction(type(set_utility).__call__)
    chosen: Callable[..., Any] = reward_async if coroutine else reward
    chosen.__name__ = getattr(set_utility, "__name__", type(set_utility).__name__)
    return chosen


def token_credit(
    base: type[Any], rule: Callable[..., Any], *, credit: str = "own", lam: float = 0.0, spread: str = "segment"
) -> type[Any]:
    """A GRPOTrainer whose advantages [B, T] give the segments of a completion credits of their own.

        A_ij = (phi_ij - b_i / S_i) / s for own credit; to_go, marginal and mixtures as in `credit.rules.segment_advantages`

    s is the deviation of the group's segments for scale_rewards="group", TRL's default, and 1 for "none". b_i is the mean of
    the group's totals for own credit, and that of the others for rules that accumulate.
    base: `trl.GRPOTrainer` or a subclass. credit, lam: the rule, as in `segment_advantages`. spread: of own credit, "segment"
        or "token".
    rule: called once for each whole group, on one process, with lists over its G completions: prompts, completions,
        completion_ids, masks (1 for the trainable tokens of completion_ids, 0 for tool output), rewards (NaN where no reward
        function answered) and the dataset's columns. Returns (segment_credit, segment_lengths), both [G][S_i]: credits in the
        units of the rewards, NaN for absent segments, and numbers of trainable tokens. Owen values of the reward add up to it.
        For credit="marginal" it returns (segment_credit, segment_lengths, segment_marginal), the first None unless lam mixes
        it in. Or it returns a dict of these by their names, which may also hold
        segment_order: [G][R_i], for segments in several stretches of neighbouring tokens: the segment of each stretch, from 0;
            segment_lengths [G][R_i] are then those of the stretches. -1 marks text of no segment, such as separators: own
            credit pays its tokens what plain GRPO pays those of the completion, outside of the sum of the segments; the other
            rules pay them what is to go. `segment_completions` makes both.
        marginal_lengths: [G][..], of a mixture whose marginal contributions are those of other segments, in text order.

    Overrides `_calculate_rewards` and `_generate_and_score_completions`; a single segment is plain GRPO. Logs the figures of
    `group_reward`, over segments; TRL's table of completions goes on showing its own advantages.
    Raises InputError for what can't be right: RLOO, whose loss is per sequence; TRL before 0.26; fused Liger losses; a scale
    over the batch, or for each reward; Unsloth with prompts of unequal lengths.
    """
    refuse_base(base)
    check_spread(Rule(credit, lam), spread)
    processes = Processes()

    class TokenCreditTrainer(base):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            refuse_settings(self)

        def _calculate_rewards(self, inputs: Any, prompts: Any, completions: Any, completion_ids_list: Any) -> Any:
            scores = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
            columns = {name: [row[name] for row in inputs] for name in inputs[0] if name not in ("prompt", "completion")}
            rewards = (
                (scores * self.reward_weights.to(scores.device)).nansum(1).masked_fill(scores.isnan().all(1), float("nan"))
            )
            own = {"prompts": prompts, "completions": completions, "completion_ids": completion_ids_list}
            self._scored = {**columns, **own}, rewards
            return scores

        def _generate_and_score_completions(self, inputs: Any) -> Any:
            out = super()._generate_and_score_completions(inputs)
            refuse_padding(base, out["prompt_mask"])
            out["advantages"] = _pay_tokens(self, out, processes, partial(_pay_group, rule, credit, lam), spread)
            return out

    TokenCreditTrainer.__name__ = TokenCreditTrainer.__qualname__ = f"TokenCredit{base.__name__}"
    return TokenCreditTrainer


def _pay_group(rule: Callable[..., Any], credit: str, lam: float, group: dict[str, Any], scale: str) -> Any:
    return pay_segments(rule(**group), group["masks"], group["rewards"], scale, credit, lam)


def _pay_tokens(trainer: Any, out: Mapping[str, Any], processes: Processes, pay: Callable[..., Any], spread: str) -> Any:
    columns, everyone = trainer._scored
    # TRL gathers rewards from all processes; columns and masks are those of this one.
    start = trainer.accelerator.process_index * len(out["advantages"])
    rewards = everyone[start : start + len(out["advantages"])]
    mask = out["completion_mask"] * out.get("tool_mask", 1)
    masks = [row[: len(ids)] for row, ids in zip(mask.tolist(), columns["completion_ids"], strict=True)]
    columns = {**columns, "masks": masks, "rewards": rewards.tolist()}
    batch = GroupedRows(processes.join(trainer), columns, _group_size(trainer), {})
    scale = SCALES[trainer.scale_rewards]
    rows, figures = batch.share([pay(group, scale) for group in batch.mine])
    for name, value in figures.items():
        trainer._metrics["train" if trainer.model.training else "eval"][name].append(value)
    return tokens_of(rows, mask, spread)


def _takes(function: Callable[..., Any], name: str) -> bool:
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # a callable without a signature; TRL passes everything
        return True
    return name in parameters or any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())


def _trainer(log_metric: Any) -> Any:
    """The trainer that calls a reward function, as the owner of the method that TRL passes; None in asynchronous GRPO."""
    if log_metric is not None and not hasattr(getattr(log_metric, "__self__", None), "num_generations"):
        raise InputError("log_metric must be the method of a TRL trainer, which knows how large groups are; leave it as it is.")
    return getattr(log_metric, "__self__", None)


def _gather(processes: Processes, trainer: Any, given: dict[str, Any]) -> GroupedRows:
    columns = {name: value for name, value in given.items() if isinstance(value, list)}
    common = {name: value for name, value in given.items() if name not in columns}
    if trainer is None:
        _refuse_several_groups(given)
    return GroupedRows(processes, columns, None if trainer is None else _group_size(trainer), common)


def _refuse_several_groups(given: dict[str, Any]) -> None:
    """Raise InputError where a call without `log_metric` may hold more than one group."""
    prompts = given["prompts"]
    different = sum(prompt not in prompts[:place] for place, prompt in enumerate(prompts))
    # Older trainers say their state but not the size of groups; the asynchronous one says neither, and passes one group.
    if different > 1 and ("trainer_state" in given or different < len(prompts)):
        raise InputError(
            f"{len(prompts)} completions of {different} prompts came without log_metric, so that nobody knows which of them "
            "are a group; pass one group a call."
        )


def _group_size(trainer: Any) -> int:
    return int(trainer.num_generations if trainer.model.training else trainer.num_generations_eval)
