"""Subclasses of TRL's trainers whose advantages are not TRL's: what one step of them has generated and scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from shapley_credit.adapters.grouped_rows import GroupedRows
from shapley_credit.adapters.processes import Processes


@dataclass(frozen=True)
class Step:
    """One step of a trainer: the completions of this process, and the rewards of all processes.

    Attributes:
        trainer: it.
        scores: tensor [N, R] of the R reward functions, of all processes by rank, NaN where one did not answer.
        columns: lists over the completions of this process: prompts, completions, completion_ids and the dataset's columns.
        written: the columns that differ among the completions of a prompt, which a reward function has handed to `log_extra`
            or a rollout has returned.
        out: what TRL hands to its loss, once it is there.
    """

    trainer: Any
    scores: Any
    columns: Mapping[str, list[Any]]
    written: Mapping[str, list[Any]]
    out: Mapping[str, Any]
    processes: Processes

    @cached_property
    def size(self) -> int:
        """Completions of a prompt."""
        return group_size(self.trainer)

    @cached_property
    def rewards(self) -> Any:
        """The weighted sums [N] of all processes, NaN where no reward function answered: those of which TRL takes means."""
        weighted = (self.scores * self.trainer.reward_weights.to(self.scores.device)).nansum(1)
        return weighted.masked_fill(self.scores.isnan().all(1), float("nan"))

    @cached_property
    def mask(self) -> Any:
        """Trainable tokens [B, T]: what the model wrote, and no tool."""
        return self.out["completion_mask"] * self.out.get("tool_mask", 1)

    @property
    def masks(self) -> list[list[int]]:
        """The mask of each completion, without padding."""
        rows = zip(self.mask.tolist(), self.columns["completion_ids"], strict=True)
        return [row[: len(ids)] for row, ids in rows]

    def own(self, everyone: Any) -> Any:
        """The rows of this process."""
        rows = len(self.columns["prompts"])
        return everyone[self.trainer.accelerator.process_index * rows :][:rows]

    def groups(self, columns: Mapping[str, list[Any]]) -> GroupedRows:
        """Columns of this process as whole groups; environments may rewrite the prompts of a group."""
        alike = getattr(self.trainer, "environments", None) is None
        return GroupedRows(self.processes.join(self.trainer), dict(columns), self.size, {}, one_prompt=alike)

    def tokens(self, rows: list[Any]) -> Any:
        """Rows of numbers by token as a tensor [B, T], padded with 0."""
        out = self.mask.new_zeros(self.mask.shape, dtype=self.scores.dtype)
        for place, row in enumerate(rows):
            out[place, : len(row)] = out.new_tensor(row)
        return out

    def log(self, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            self.trainer._metrics["train" if self.trainer.model.training else "eval"][name].append(value)


def with_advantages(base: type[Any], name: str, refuse: Callable[[Any], None], advantages: Callable[[Step], Any]) -> type[Any]:
    """A subclass of the trainer that pays what a function of each step returns, [B] or [B, T].

    refuse: raises InputError for a trainer whose settings are wrong.
    """
    processes = Processes()

    class CreditTrainer(base):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            refuse(self)

        def _calculate_rewards(self, inputs: Any, prompts: Any, completions: Any, completion_ids_list: Any) -> Any:
            scores = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
            own = {"prompts": prompts, "completions": completions, "completion_ids": completion_ids_list}
            columns = {name: [row[name] for row in inputs] for name in inputs[0] if name not in ("prompt", "completion")}
            extras = {name: list(values) for name, values in getattr(self, "_pending_extra_logs", {}).items()}
            rollouts = {name: values for name, values in columns.items() if name not in self._given}
            self._scored = {"scores": scores, "columns": {**columns, **own}, "written": {**rollouts, **extras}}
            return scores

        def _generate_and_score_completions(self, inputs: Any) -> Any:
            self._given = set(inputs[0])
            out = super()._generate_and_score_completions(inputs)
            out["advantages"] = advantages(Step(self, **self._scored, out=out, processes=processes))
            return out

    CreditTrainer.__name__ = CreditTrainer.__qualname__ = f"{name}{base.__name__}"
    return CreditTrainer


def group_size(trainer: Any) -> int:
    """Completions of a prompt, in training or evaluation."""
    return int(trainer.num_generations if trainer.model.training else trainer.num_generations_eval)
