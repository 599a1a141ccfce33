"""The one place that knows where kernels live.

Roles: `ref`, the specification in the functions of the array API, always there; `cpu`, Numba; `gpu`, Triton. A form's function
has the same name and signature in each. `tree` has the same functions for a coalition tree: behind the arrays they take the
tree and the semivalues of its levels. `order` has them for members that arrive in the order in which the arrays hold them. Both
are written in the functions of the array API too. `forest`, Numba again, has those of `tree` that are worth it, for Shapley on
all levels: behind the arrays they take the labels of the unions of each group.

The array decides. In the memory of the host it is `cpu` where Numba is installed, else `ref`. On a device it is `gpu` for the
games that have a Triton kernel, and `ref` for all others: the specification, run on the device itself by the array's library.
A function of `gpu` calls its namesake of `ref` for the sizes that its kernel is not made for.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from typing import Any, Literal

from shapley_credit.convert import Library
from shapley_credit.errors import MissingExtraError, install

Role = Literal["ref", "cpu", "gpu", "tree", "order", "forest"]

# What each role needs beyond NumPy, and the extra that brings it.
ROLES: dict[Role, tuple[str, str] | None] = {
    "ref": None,
    "cpu": ("numba", "cpu"),
    "gpu": ("triton", "gpu"),
    "tree": None,
    "order": None,
    "forest": ("numba", "cpu"),
}


def role(library: Library | None = None) -> Role:
    """The role for the arrays of a library."""
    if library is not None and library.device is not None:
        return "gpu" if _runs_triton(library) else "ref"
    return _host_role()


@lru_cache(maxsize=1)
def _host_role() -> Role:
    return "cpu" if find_spec("numba") else "ref"  # kept, as find_spec searches the disk


@lru_cache(maxsize=64)
def _runs_triton(library: Library) -> bool:
    """Whether Triton compiles for the device: torch on CUDA, ROCm (which torch calls cuda too) and XPU."""
    return library.name == "torch" and library.device.type in ("cuda", "xpu") and find_spec("triton") is not None


@lru_cache(maxsize=256)
def kernel(form: str, game: str, role: Role) -> Callable[..., Any]:
    """The function `game` of shapley_kernels.<form>.<role>; of `ref` for a game that has no Triton kernel.

    Raises MissingExtraError, naming the extra to install, when the role's dependency is absent.
    """
    need = ROLES[role]
    if need is not None and not find_spec(need[0]):
        raise MissingExtraError(f"the {role} kernels need {need[0]}, which is not installed; {install(need[1])}")
    name = f"shapley_kernels.{form}.{role}"
    if role == "gpu" and not has_kernel(form, game, role):
        return kernel(form, game, "ref")
    function: Callable[..., Any] = getattr(importlib.import_module(name), game)
    return function


@lru_cache(maxsize=256)
def has_kernel(form: str, game: str, role: Role) -> bool:
    """Whether a form has the game in the file of a role, and what the role needs is installed."""
    need = ROLES[role]
    if need is not None and not find_spec(need[0]):
        return False
    package, name = f"shapley_kernels.{form}", f"shapley_kernels.{form}.{role}"
    return bool(find_spec(package) and find_spec(name)) and hasattr(importlib.import_module(name), game)
