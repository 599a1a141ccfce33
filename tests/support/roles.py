"""Running the library on one role of kernels at a time, and on wrong kernels."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import lru_cache
from typing import Any
from unittest import mock

import numpy as np
import pytest
from shapley_credit import dispatch

import shapley_kernels

# For `@pytest.mark.parametrize("role", ROLES)`.
ROLES = ["ref", pytest.param("cpu", marks=pytest.mark.numba)]


@contextmanager
def using(role: str) -> Iterator[None]:
    """Solve with the kernels of `role`."""
    with mock.patch.object(dispatch, "role", return_value=role):
        yield


@lru_cache(maxsize=1)
def import_kernels() -> None:
    """Import all kernels of the host, before `sys.modules` is patched.

    One first imported after that would be forgotten with the patch and imported once more, with types that are not the first's.
    """
    for module in pkgutil.walk_packages(shapley_kernels.__path__, "shapley_kernels."):
        if not module.name.endswith("gpu"):
            with suppress(ImportError):  # of what is not installed
                importlib.import_module(module.name)


@contextmanager
def on_device() -> Iterator[None]:
    """Credits of torch tensors by the operations of an accelerator, though they are on the host."""
    import torch
    from shapley_credit.credit import groups, layouts, segment_tables
    from shapley_credit.inputs import ids, tensors

    def library_of(data: Any) -> Any:
        return torch if isinstance(data, torch.Tensor) else np

    with ExitStack() as stack:
        for module in (tensors, ids, groups, layouts, segment_tables):
            stack.enter_context(mock.patch.object(module, "library_of", library_of))
        yield


@contextmanager
def replacing(form: str, module: Any) -> Iterator[None]:
    """Solve the problems of `form` with the functions of `module`, whatever the role."""
    genuine = dispatch.kernel

    def kernel(wanted: str, game: str, role: dispatch.Role) -> Callable[..., Any]:
        function: Callable[..., Any] = getattr(module, game) if wanted == form else genuine(wanted, game, role)
        return function

    with mock.patch.object(dispatch, "kernel", kernel):
        yield
