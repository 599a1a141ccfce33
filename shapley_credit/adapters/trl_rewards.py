"""TRL: reward functions that see whole groups, wherever their completions are."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from shapley_credit import semivalues
from shapley_credit.adapters.grouped_rows import GroupedRows
from shapley_credit.adapters.logs import Extra, Row, log
from shapley_credit.adapters.processes import Processes
from shapley_credit.adapters.recording import Recorder
from shapley_credit.adapters.scoring import Figures, group_rewards
from shapley_credit.adapters.trl_checks import warn_of_division
from shapley_credit.adapters.trl_recording import record_rewards
from shapley_credit.adapters.trl_trainers import group_size
from shapley_credit.errors import InputError
from shapley_credit.semivalues import Semivalue

Scored = list[tuple[list[Row], list[Figures]]]


def group_reward(
    set_utility: Callable[..., Any], *, semivalue: Semivalue = semivalues.shapley, record: Recorder | None = None
) -> Callable[..., Any]:
    """Reward function for GRPOTrainer and RLOOTrainer that pays each completion its credit in the utility of its group.

        reward_i = phi_i(v),      v = set_utility(prompts=, completions=, completion_ids=, trainer_state=, COLUMN=, ..)

    set_utility: called once for each whole group, on one process, with lists over its G completions; returns their utility as
        `set_shapley` takes it: `u.Max(scores)`, a table, a function of members. May be `async def`. It abstains from a whole
        group by returning None, and from a completion by a utility whose mask says that it is absent: their rewards are None,
        which TRL leaves out. If it takes `log_metric` or `log_extra`, by name or by `**columns`, it gets them: TRL's own
        `log_metric`, and a `log_extra` that wants a value for each of the G completions.
    semivalue: Shapley by default: the rewards of a group add up to v(N) - v(empty).
    record: writes the prompts, completions and credits of each step; `Recorder("rollouts")`.

    Groups may straddle processes: the rows of such a group go to the process of its first row, and credits come back. Results
    do not depend on how many processes there are, to the last bit, and what is raised on one of them is raised on all. Use
    `scale_rewards="none"`: dividing by the deviation of a group undoes the adding up, and is warned of once. Logs
    credit/best_share, credit/entropy and credit/efficiency_residual. In TRL's asynchronous GRPO, which passes neither
    `log_metric` nor `trainer_state`, a call is a group, whose prompts may differ.
    Cost: the utility's; two collectives of some 130 bytes from each process a step; the rows of groups that straddle. Raises
    InputError for a utility that does not fit, and for rows that are not in whole groups as far as their prompts tell.

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

    def score(batch: GroupedRows, utilities: Sequence[Any], extras: Sequence[Extra]) -> Scored:
        scored = [group_rewards(utility, batch.size, semivalue) for utility in utilities]
        return [(extra.beside(each), more) for extra, (each, more) in zip(extras, scored, strict=True)]

    def pay(batch: GroupedRows, scored: Scored, given: dict[str, Any], *logs: Any) -> list[float | None]:
        paid, figures = batch.share(scored)
        log(paid, figures, *logs)
        rewards = [reward for reward, _ in paid]
        if record is not None:
            record_rewards(record, _trainer(logs[0]), given, rewards)
        return rewards

    def reward(log_metric: Any = None, log_extra: Any = None, **given: Any) -> list[float | None]:
        batch, scored = _gather(processes.join(_trainer(log_metric)), _trainer(log_metric), given), Scored()
        with batch.trying():
            scored = score(batch, *ask(batch, log_metric, log_extra))
        return pay(batch, scored, given, log_metric, log_extra)

    async def reward_async(log_metric: Any = None, log_extra: Any = None, **given: Any) -> list[float | None]:
        # Exchanges block, so they run in threads. The processes join before any await, thus all in the order of the rewards.
        batch = await asyncio.to_thread(_gather, processes.join(_trainer(log_metric)), _trainer(log_metric), given)
        scored = Scored()
        with batch.trying():
            answers, extras = ask(batch, log_metric, log_extra)
            scored = await asyncio.to_thread(score, batch, await asyncio.gather(*answers), extras)
        return await asyncio.to_thread(pay, batch, scored, given, log_metric, log_extra)

    coroutine = inspect.iscoroutinefunction(set_utility) or inspect.iscoroutinefunction(type(set_utility).__call__)
    chosen: Callable[..., Any] = reward_async if coroutine else reward
    chosen.__name__ = getattr(set_utility, "__name__", type(set_utility).__name__)
    return chosen


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
        return GroupedRows(processes, columns, None, common, one_prompt=False)
    warn_of_division(trainer)
    # Environments may rewrite the prompts of a group.
    return GroupedRows(processes, columns, group_size(trainer), common, one_prompt="environments" not in given)


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
