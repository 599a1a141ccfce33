"""Utilities that only a model can answer: which coalitions to ask, asking them, and what the answers say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shapley_credit.blackbox.cache import Cache

__all__ = ["Cache"]


def __getattr__(name: str) -> Any:
    if name != "Cache":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from shapley_credit.blackbox.cache import Cache

    return Cache
