"""Set utilities with exact, polynomial-time credit; one small file a family."""

from shapley_credit.utilities.additive import Additive
from shapley_credit.utilities.attempts import PassAtK, Plurality
from shapley_credit.utilities.coverage import Coverage, DistinctCount, FacilityLocation
from shapley_credit.utilities.maximum import Max, Min
from shapley_credit.utilities.noisy_or import NoisyOr
from shapley_credit.utilities.pairwise import MeanPairwise, SumPairwise
from shapley_credit.utilities.ranked import DCG, TopM
from shapley_credit.utilities.sized import Cardinality, Mean
from shapley_credit.utilities.table import Table

__all__ = [
    "DCG",
    "Additive",
    "Cardinality",
    "Coverage",
    "DistinctCount",
    "FacilityLocation",
    "Max",
    "Mean",
    "MeanPairwise",
    "Min",
    "NoisyOr",
    "PassAtK",
    "Plurality",
    "SumPairwise",
    "Table",
    "TopM",
]
