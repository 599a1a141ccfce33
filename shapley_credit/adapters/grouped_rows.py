"""Whole groups on a training run of several processes, each of which holds some rows of a batch."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate, chain, islice
from typing import Any

from shapley_credit.adapters.pooled import figures_of, merged, pools_of
from shapley_credit.adapters.processes import Processes, packed, unpacked
from shapley_credit.adapters.scoring import Figures
from shapley_credit.errors import InputError

Columns = dict[str, list[Any]]


class GroupedRows:
    """The rows of all processes, cut into groups of `size` neighbours; a group is scored on the process of its first row.

    columns: lists with one entry for each row of this process, rows of a group next to each other in the order of ranks.
    size: rows of a group; None for a call that is a group. common: what a rule is told of every group.
    one_prompt: the prompts of a group are equal, or InputError.

    Every process says how many rows it has. Rows travel only where a group has some on several processes: to the first of
    them, and their results back. All processes raise, or none: what goes wrong inside of `trying` is kept until `share`, where
    the processes tell each other.
    """

    def __init__(
        self, processes: Processes, columns: Columns, size: int | None, common: Mapping[str, Any], one_prompt: bool
    ) -> None:
        bounds = [0, *accumulate(processes.agree(len(columns["prompts"])))]
        self.size = bounds[-1] if size is None else size
        if not self.size or bounds[-1] % self.size:
            raise InputError(f"a batch of {bounds[-1]} completions is not made of whole groups of {self.size}.")
        self._processes, self._errors = processes, list[Exception]()
        self._place(bounds)
        self.mine: list[dict[str, Any]] = []
        head = {name: rows[: self._head] for name, rows in columns.items()}
        found = processes.exchange({self._owner: self._packed(head)} if self._head else {}, self._sharers)
        with self.trying():
            whole = self._whole(columns, found)
            if one_prompt:
                self._refuse_mixed(whole["prompts"])
            starts = range(0, len(whole["prompts"]), self.size)
            self.mine = [{**common, **{name: rows[low : low + self.size] for name, rows in whole.items()}} for low in starts]

    def share(self, scored: Sequence[tuple[Sequence[Any], Sequence[Figures]]]) -> tuple[list[Any], Figures]:
        """The results of this process's rows, from those of the groups in `mine`, and the figures of all groups, pooled.

        All processes come here. Raises what one of them kept: on that process the exception itself, InputError on the others.
        """
        rows = chain.from_iterable(results for results, _ in scored)
        own = list(islice(rows, self._kept))
        sent = {other: self._packed(list(islice(rows, count))) for other, count in self._sharers.items()}
        parts = self._processes.agree((self._told(), pools_of(chain.from_iterable(figures for _, figures in scored))))
        self._raise_for([error for error, _ in parts])
        back = self._processes.exchange(sent, [self._owner] if self._head else [])
        first = list(chain.from_iterable(map(unpacked, back.values())))
        return [*first, *own], figures_of(merged(pools for _, pools in parts))

    @contextmanager
    def trying(self) -> Iterator[None]:
        """Keep what is raised here until all processes know of it."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - a rule of the user may raise anything; `share` raises it again
            self._errors.append(error)

    def _place(self, bounds: list[int]) -> None:
        """Where the rows of this process go.

        The first `_head` belong to a group that starts on process `_owner`, before this one; `_kept` are of groups that start
        here. `_sharers` are the later processes that have rows of the last of these, and how many.
        """
        rank = self._processes.rank
        low, high = bounds[rank : rank + 2]
        self._first = min(low + -low % self.size, high)
        self._head, self._kept = self._first - low, high - self._first
        self._owner = bisect_right(bounds, low - low % self.size) - 1
        end = high + -high % self.size if self._kept else high
        later = range(rank + 1, bisect_right(bounds, end - 1))
        shares = {other: min(bounds[other + 1], end) - bounds[other] for other in later}
        self._sharers = {other: rows for other, rows in shares.items() if rows}

    def _packed(self, item: Any) -> bytes:
        found = packed(None)
        with self.trying():
            found = packed(item)
        return found

    def _whole(self, columns: Columns, found: Mapping[int, bytes]) -> Columns:
        """The rows of the groups that start here."""
        whole = {name: rows[self._head :] for name, rows in columns.items()}
        for other, part in found.items():
            rows = unpacked(part)
            if rows is None or rows.keys() != whole.keys():
                told = "no rows" if rows is None else f"columns {sorted(rows)}"
                raise InputError(
                    f"process {other} sent {told} of a group that starts on process {self._processes.rank}, which has columns "
                    f"{sorted(whole)}; give all rows the same columns, of objects that can be pickled."
                )
            whole = {name: whole[name] + rows[name] for name in whole}
        return whole

    def _refuse_mixed(self, prompts: list[Any]) -> None:
        for low in range(0, len(prompts), self.size):
            if any(prompt != prompts[low] for prompt in prompts[low : low + self.size]):
                row = self._first + low
                raise InputError(
                    f"rows {row} to {row + self.size - 1} of the batch should be {self.size} completions of one prompt, and "
                    "are of several; groups must be neighbours, as TRL's own sampler lays them."
                )

    def _told(self) -> str:
        """What the other processes are told of the first exception, nothing if there was none."""
        if not self._errors:
            return ""
        error = self._errors[0]
        return str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"

    def _raise_for(self, told: Sequence[str]) -> None:
        if self._errors:
            raise self._errors[0]
        for rank, error in enumerate(told):
            if error:
                raise InputError(f"process {rank} could not score its groups, so that no process can go on. {error}")
