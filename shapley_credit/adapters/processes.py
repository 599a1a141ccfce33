"""The processes of a training run: what all of them say in a few bytes, and what some of them send each other."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping
from typing import Any

from shapley_credit.errors import InputError


class Processes:
    """The processes of a training run; a single one outside of it.

    Bytes travel in a gloo group of their own: from any thread, beside the trainer's own collectives, and not by the GPU.
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

    def agree(self, item: Any) -> list[Any]:
        """What all processes say, by rank. All of them come here, so that an item must be small."""
        if self.size == 1:
            return [item]
        import torch.distributed as dist

        found: list[Any] = [None] * self.size
        dist.all_gather_object(found, item, group=self._group)
        return found

    def exchange(self, parts: Mapping[int, bytes], sources: Iterable[int]) -> dict[int, bytes]:
        """Send each part to the process of its rank, and return the parts that the sources send here.

        Only the processes that send and receive come here. Nobody waits until what it sends has arrived before it receives, so
        that no order of sends among processes is a deadlock.
        """
        if not parts and not sources:
            return {}
        import torch
        import torch.distributed as dist

        posted = []
        for rank, part in parts.items():
            body = torch.frombuffer(bytearray(part), dtype=torch.uint8)
            # Messages between two processes arrive in their order: the length of a part, then the part.
            posted += [dist.isend(tensor, rank, self._group) for tensor in (torch.tensor([len(part)]), body)]
        found = {rank: self._receive(rank) for rank in sources}
        for work in posted:
            assert work is not None  # None is for processes outside of the group
            work.wait()
        return found

    def _receive(self, rank: int) -> bytes:
        import torch
        import torch.distributed as dist

        length = torch.zeros(1, dtype=torch.int64)
        dist.recv(length, rank, self._group)
        body = torch.empty(int(length), dtype=torch.uint8)
        dist.recv(body, rank, self._group)
        return body.numpy().tobytes()


def packed(item: Any) -> bytes:
    """What travels: an object, pickled as torch.distributed does."""
    return pickle.dumps(item)


def unpacked(part: bytes) -> Any:
    """The object that was packed."""
    return pickle.loads(part)
