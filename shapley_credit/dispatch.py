"""The one place that knows where kernels live.

Roles: `ref`, NumPy, the specification, always there; `cpu`, Numba. A form's function has the same name and signature in each.
`tree` has the same functions once more, with a coalition tree and the semivalues of its levels behind the arrays; NumPy only.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from typing import Any, Literal

from shapley_credit.errors import MissingExtraError

Role = Literal["ref", "cpu", "tree"]

# What each role needs beyond NumPy, and the extra that brings it.
ROLES: dict[Role, tuple[str, str] | None] = {"ref": None, "cpu": ("numba", "cpu"), "tree": None}


@lru_cache(maxsize=1)
def role() -> Role:
    """The role for arrays in the memory of the host: `cpu` where Numba is installed, else `ref`."""
    return "cpu" if find_spec("numba") else "ref"


@lru_cache(maxsize=256)
def kernel(form: str, game: str, role: Role) -> Callable[..., Any]:
    """The function `game` of shapley_kernels.<form>.<role>.

    Raises MissingExtraError, naming the extra to install, when the role's dependency is absent.
    """
    need = ROLES[role]
    if need is not None and not find_spec(need[0]):
        raise MissingExtraError(
            f"the {role} kernels need {need[0]}, which is not installed; run: pip install 'shapley-credit[{need[1]}]'."
        )
    function: Callable[..., Any] = getattr(importlib.import_module(f"shapley_kernels.{form}.{role}"), game)
    return function
