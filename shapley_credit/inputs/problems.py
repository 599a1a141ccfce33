"""A problem: what a utility hands to a kernel, and how the credits that come back are its members' own."""

from __future__ import annotations

from typing import Any, NamedTuple

from shapley_credit.convert import Array


class Problem(NamedTuple):
    """A game that a kernel solves: phi = scale * shares @ shapley_kernels.<form>.<game>(*arrays), shape [B, K].

    shares: [B, K, K], the part of the credit of each player of the kernel's game that each member gets; None where the members
        are the players.
    """

    form: str
    game: str
    arrays: tuple[Any, ...]
    scale: float = 1.0
    shares: Any = None

    def credits(self, solved: Array) -> Array:
        """phi from what the kernel returned."""
        part = solved if self.shares is None else (self.shares @ solved[:, :, None])[..., 0]
        return part if self.scale == 1.0 else self.scale * part
