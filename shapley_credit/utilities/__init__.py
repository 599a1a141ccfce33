"""Set utilities with exact, polynomial-time credit; one small file a family."""

from shapley_credit.utilities.additive import Additive
from shapley_credit.utilities.attempts import PassAtK, Plurality, TwoTypes
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
from shapley_credit.utilities.voting import SaturatedSum, WeightedVoting

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
    "TwoTypes",
    "UniqueFraction",
    "WeightedVoting",
]
