"""Arrays on their ways to other libraries and devices, and golden cases there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import array_api_strict
import numpy as np
import shapley_credit as sc
from numpy.typing import NDArray
from shapley_credit import Utility

import golden
from errors_seen import record, tolerance
from golden import largest_value
from shapley_kernels import arrays

Move = Callable[[NDArray[Any]], Any]


HOST = array_api_strict.Device("CPU_DEVICE")


def moved(utility: Utility, move: Move, **instead: Any) -> Utility:
    """The same utility of arrays on a device, some of them exchanged."""
    data: dict[str, Any] = {name: getattr(utility, name) for name in [*utility.fields, "mask"]}
    if "total" in data:
        data["total"] = max(int(np.abs(data["weights"]).sum(axis=-1).max(initial=0)), 1)
    there = {name: move(value) if isinstance(value, np.ndarray) else value for name, value in {**data, **instead}.items()}
    make: Any = type(utility)
    same: Utility = make(**there)
    return same


BOTH = (sc.semivalues.banzhaf, sc.semivalues.banzhaf)
VALUES: dict[str, Callable[[Utility, golden.Case], Any]] = {
    "shapley": lambda utility, case: sc.set_shapley(utility),
    "owen": lambda utility, case: sc.owen(utility, case["partition"]),
    "winter": lambda utility, case: sc.owen(utility, case["tree"]),
    "banzhaf": lambda utility, case: sc.set_semivalue(utility, sc.semivalues.banzhaf),
    "banzhaf_owen": lambda utility, case: sc.owen(utility, case["partition"], levels=BOTH),
}


def check_case(case: golden.Case, dtype: Any, move: Move, column: str) -> None:
    utility = golden.utility_of(case, dtype)[0]
    for name, solve in VALUES.items():
        credit = solve(moved(utility, move), case)
        assert type(credit).__module__ != "numpy"
        assert arrays.dtype_of(credit) == (utility.dtype or np.float64)
        error = float(np.abs(on_host(credit) - golden.numbers(case[name])).max()) / largest_value(case)
        record(case["family"], column if name == "shapley" else f"{column} {name}", error)
        assert error <= tolerance(dtype), f"{name} of {case['family']} {case['case']}: {credit} is not {case[name]}"


def on_host(credit: Any) -> NDArray[Any]:
    there: NDArray[Any] = np.from_dlpack(credit.to_device(HOST) if hasattr(credit, "to_device") else credit)
    return there
