"""Whole groups on a training run of several processes, each of which holds some rows of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from shapley_credit.adapters.scoring import Figures, pool_figures
from shapley_credit.errors import InputError


class Processes:
    """The processes of a training run; a single one outside of it.

    Objects travel in a gloo group of their own: from any thread, beside the trainer's own collectives, and not by the GPU.
    """

    def __init__(self) -> None:
        self.rank, self.size = 0, 1
        self._group: Any = None

    def join(self, trainer: Any) -> Processes:
        """Meet the other processes of the trainer, if there is one. All processes must come here in the same order."""
        if self._group is not None or trainer is None or trainer.accelerator.num_processes == 1:
            return self
        import torch.distributed as dist

        if not dist.is_initialized():
            raise InputError(
                f"this run has {trainer.accelerator.num_processes} processes but no torch.distributed to gather groups with; "
                "launch it with torchrun or accelerate on CPU or GPU."
            )
        self._group = dist.new_group(backend="gloo")
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        return self

    def gather(self, item: Any) -> list[Any]:
        """The items of all processes, by rank."""
        if self.size == 1:
            return [item]
        import torch.distributed as dist

        found: list[Any] = [None] * self.size
        dist.all_gather_object(found, item, group=self._group)
        return found


class GroupedRows:
    """The rows of all processes, cut into groups of `size` neighbours; each group is scored on one process.

    columns: lists with one entry for each row of this process, rows of a group next to each other in the order of ranks.
    """

    def __init__(self, processes: Processes, columns: dict[str, list[Any]], size: int | None, common: dict[str, Any]) -> None:
        parts = processes.gather(columns)
        lengths = [len(part["completions"]) for part in parts]
        whole = {name: list(chain.from_iterable(part[name] for part in parts)) for name in columns}
        self.size = sum(lengths) if size is None else size
        if sum(lengths) % self.size:
            raise InputError(f"a batch of {sum(lengths)} completions is not made of whole groups of {self.size}.")
        # Environments may rewrite the prompts of a group.
        if size is not None and "environments" not in common | columns:
            self._refuse_mixed(whole["prompts"])
        self.groups = sum(lengths) // self.size
        self._processes = processes
        self._local = slice(sum(lengths[: processes.rank]), sum(lengths[: processes.rank + 1]))
        starts = range(processes.rank * self.size, sum(lengths), processes.size * self.size)
        # Groups are dealt out in turn: group g is scored on process g modulo the number of processes.
        self.mine = [{**common, **{name: rows[low : low + self.size] for name, rows in whole.items()}} for low in starts]

    def _refuse_mixed(self, prompts: list[Any]) -> None:
        """InputError for a group of several prompts. Every process sees all prompts, so that all processes raise, or none."""
        for low in range(0, len(prompts), self.size):
            if any(prompt != prompts[low] for prompt in prompts[low : low + self.size]):
                raise InputError(
                    f"rows {low} to {low + self.size - 1} of the batch should be {self.size} completions of one prompt, and "
                    "are of several; groups must be neighbours, as TRL's own sampler lays them."
                )

    def share(self, scored: Sequence[tuple[Sequence[Any], Sequence[Figures]]]) -> tuple[list[Any], Figures]:
        """Exchange the results and figures of the groups in `mine` for those of this process's rows, and pooled figures."""
        parts = self._processes.gather(list(scored))
        # Groups were dealt out in turn, and come back in their order.
        every = [parts[g % len(parts)][g // len(parts)] for g in range(self.groups)]
        rows = list(chain.from_iterable(results for results, _ in every))
        return rows[self._local], pool_figures(chain.from_iterable(figures for _, figures in every))
