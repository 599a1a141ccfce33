"""Set utilities with exact, polynomial-time credit; one small file a family, imported when it is first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shapley_credit.utilities.additive import Additive
    from shapley_credit.utilities.attempts import PassAtK, Plurality
    from shapley_credit.utilities.cascade import ERR, Cascade
    from shapley_credit.utilities.choice import MNLRevenue, MNLShare, SoftmaxMean
    from shapley_credit.utilities.classes import ClassCounts, Entropy, GiniSimpson, UniqueFraction
    from shapley_credit.utilities.coverage import Coverage, DistinctCount, FacilityLocation
    from shapley_credit.utilities.dividends import Determinant, Moebius, MyersonPath
    from shapley_credit.utilities.expected import ExpectedMax
    from shapley_credit.utilities.geometric import GeometricMean
    from shapley_credit.utilities.logarithms import LogMeanExp, LogSum, LogSumExp, SqrtSum
    from shapley_credit.utilities.maximum import Max, Min, Range
    from shapley_credit.utilities.noisy_or import NoisyOr
    from shapley_credit.utilities.order import LStatistic, MthLargest, SoftKNN
    from shapley_credit.utilities.pairwise import Cut, MeanPairwise, Quadratic, SumPairwise
    from shapley_credit.utilities.product import Product
    from shapley_credit.utilities.ranked import DCG, TopM
    from shapley_credit.utilities.sized import Cardinality, EnsembleError, GroupVariance, Mean, SizedSum
    from shapley_credit.utilities.spacing import MinGap
    from shapley_credit.utilities.table import Table
    from shapley_credit.utilities.typed import Typed
    from shapley_credit.utilities.voting import SaturatedSum, WeightedVoting

_HOMES = {
    "additive": ("Additive",),
    "attempts": (
        "PassAtK",
        "Plurality",
    ),
    "cascade": (
        "Cascade",
        "ERR",
    ),
    "choice": (
        "MNLRevenue",
        "MNLShare",
        "SoftmaxMean",
    ),
    "classes": (
        "ClassCounts",
        "Entropy",
        "GiniSimpson",
        "UniqueFraction",
    ),
    "coverage": (
        "Coverage",
        "DistinctCount",
        "FacilityLocation",
    ),
    "dividends": (
        "Determinant",
        "Moebius",
        "MyersonPath",
    ),
    "expected": ("ExpectedMax",),
    "geometric": ("GeometricMean",),
    "logarithms": (
        "LogMeanExp",
        "LogSum",
        "LogSumExp",
        "SqrtSum",
    ),
    "maximum": (
        "Max",
        "Min",
        "Range",
    ),
    "noisy_or": ("NoisyOr",),
    "order": (
        "LStatistic",
        "MthLargest",
        "SoftKNN",
    ),
    "pairwise": (
        "Cut",
        "MeanPairwise",
        "Quadratic",
        "SumPairwise",
    ),
    "product": ("Product",),
    "ranked": (
        "DCG",
        "TopM",
    ),
    "sized": (
        "Cardinality",
        "EnsembleError",
        "GroupVariance",
        "Mean",
        "SizedSum",
    ),
    "spacing": ("MinGap",),
    "table": ("Table",),
    "typed": ("Typed",),
    "voting": (
        "SaturatedSum",
        "WeightedVoting",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"shapley_credit.utilities has no utility {name!r}; it has {', '.join(__all__)}.")
    family = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = family
    return family


def __dir__() -> list[str]:
    return __all__


__all__ = [
    "DCG",
    "ERR",
    "Additive",
    "Cardinality",
    "Cascade",
    "ClassCounts",
    "Coverage",
    "Cut",
    "Determinant",
    "DistinctCount",
    "EnsembleError",
    "Entropy",
    "ExpectedMax",
    "FacilityLocation",
    "GeometricMean",
    "GiniSimpson",
    "GroupVariance",
    "LStatistic",
    "LogMeanExp",
    "LogSum",
    "LogSumExp",
    "MNLRevenue",
    "MNLShare",
    "Max",
    "Mean",
    "MeanPairwise",
    "Min",
    "MinGap",
    "Moebius",
    "MthLargest",
    "MyersonPath",
    "NoisyOr",
    "PassAtK",
    "Plurality",
    "Product",
    "Quadratic",
    "Range",
    "SaturatedSum",
    "SizedSum",
    "SoftKNN",
    "SoftmaxMean",
    "SqrtSum",
    "SumPairwise",
    "Table",
    "TopM",
    "Typed",
    "UniqueFraction",
    "WeightedVoting",
]
