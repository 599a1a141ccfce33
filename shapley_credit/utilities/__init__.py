"""Set utilities with exact, polynomial-time credit; one small file a family, imported when it is first used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

# The families of each file. What type checkers read, `__init__.pyi`, is written from this by docs/catalogue.py.
HOMES = {
    "additive": "Additive",
    "attempts": "PassAtK Plurality",
    "cascade": "Cascade ERR",
    "choice": "MNLRevenue MNLShare SoftmaxMean",
    "classes": "ClassCounts Entropy GiniSimpson UniqueFraction",
    "contribution_nets": "Rules",
    "coverage": "Coverage DistinctCount FacilityLocation",
    "determinant": "Determinant",
    "dividends": "Moebius MyersonPath",
    "expected": "ExpectedMax",
    "geometric": "GeometricMean",
    "l_statistic": "LStatistic",
    "logarithms": "LogMeanExp LogSum LogSumExp SqrtSum",
    "maximum": "Max Min Range",
    "noisy_or": "NoisyOr",
    "order_statistics": "MthLargest SoftKNN",
    "pairwise": "Cut MeanPairwise Quadratic SumPairwise",
    "product": "Product",
    "ranked": "DCG TopM",
    "sized": "Cardinality EnsembleError GroupVariance Mean SizedSum",
    "spacing": "MinGap",
    "table": "Table",
    "typed": "Typed",
    "voting": "SaturatedSum WeightedVoting",
}
_HOME_OF = {name: home for home, names in HOMES.items() for name in names.split()}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"shapley_credit.utilities has no utility {name!r}; it has {', '.join(__all__)}.")
    family = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = family
    return family


def __dir__() -> list[str]:
    return __all__
