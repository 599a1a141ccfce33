"""The brute-force cases of tests/support/data/golden.json: exact values of v, Shapley, Owen, Winter and Banzhaf for n <= 8."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import shapley_credit as sc
from numpy.typing import NDArray
from shapley_credit import Utility
from shapley_credit import utilities as u

import golden
from errors_seen import record, tolerance

Case = dict[str, Any]
Array = NDArray[Any]


@lru_cache(maxsize=1)
def load() -> dict[str, Any]:
    """The whole file."""
    with (Path(__file__).parent / "data" / "golden.json").open() as file:
        document: dict[str, Any] = json.load(file)
    return document


def cases() -> Iterator[Case]:
    """All cases."""
    yield from load()["cases"]


def numbers(value: Any, dtype: Any = np.float64) -> Array:
    """Nested lists of "p/q", integers and floats as an array."""
    return np.array(_parse(value), dtype=dtype)


def _parse(value: Any) -> Any:
    return [_parse(item) for item in value] if isinstance(value, list) else float(Fraction(value))


def utility_of(case: Case, dtype: Any = np.float64) -> tuple[Utility, int]:
    """The utility of a case, its data in `dtype`, and its number of members."""
    return BUILDERS[case["family"]](Parameters(case, dtype)), case["n"]


class Parameters:
    """The parameters of a case, by name, as arrays of one dtype."""

    def __init__(self, case: Case, dtype: Any) -> None:
        self.raw: dict[str, Any] = case["params"]
        self.n: int = case["n"]
        self.dtype = dtype

    def __getitem__(self, name: str) -> Array:
        return numbers(self.raw[name], self.dtype)

    def base(self) -> float:
        return float(Fraction(self.raw["base"]))

    def hits(self) -> Array:
        """Membership [k, E] of the sets."""
        return np.array([[i in members for members in self.raw["sets"]] for i in range(self.n)])

    def labels(self) -> Array:
        return np.array(self.raw["types"])


BUILDERS: dict[str, Callable[[Parameters], Utility]] = {
    "additive": lambda p: u.Additive(p["s"]),
    "max_clipped": lambda p: u.Max(p["s"], p.base(), clip=True),
    "max_unclipped": lambda p: u.Max(p["s"], p.base()),
    "min_unclipped": lambda p: u.Min(p["s"], p.base()),
    "top_m_sum": lambda p: u.TopM(p["s"], p.raw["m"]),
    "mean": lambda p: u.Mean(p["s"], p.base()),
    "cardinality": lambda p: u.Cardinality(p["f"]),
    "coverage": lambda p: u.Coverage(p.hits(), p["w"]),
    "facility_location": lambda p: u.FacilityLocation(p["s"].T, p["w"]),
    "noisy_or": lambda p: u.NoisyOr(p["p"]),
    "pass_at_k_estimator": lambda p: u.PassAtK(p.raw["correct"], p.raw["k"]),
    "dcg_arbitrary_discount": lambda p: u.DCG(p["gain"], p["key"], p["d"][: p.n]),
    "rbp": lambda p: u.DCG.rbp(p["gain"], float(Fraction(p.raw["p"])), p["key"]),
    "dcg_log2_at_k": lambda p: u.DCG(
        p["gain"], p["key"], [1 / np.log2(1 + r) if r <= p.raw["k"] else 0.0 for r in range(1, p.n + 1)]
    ),
    "knn_classifier": lambda p: u.DCG.knn(p["match"], p["dist"], p.raw["K"]),
    "plurality_strict": lambda p: u.Plurality(p.labels()),
    "plurality_tie_shared": lambda p: u.Plurality(p.labels(), ties="shared"),
    "distinct_count": lambda p: u.DistinctCount(p.labels()),
    "mean_pairwise_distance": lambda p: u.MeanPairwise(p["D"]),
    "sum_pairwise_distance": lambda p: u.SumPairwise(p["D"]),
    "random_table": lambda p: u.Table(p["table"]),
    "range_max_minus_min": lambda p: u.Range(p["s"]),
    "median_avg": lambda p: u.LStatistic.median(p["s"], p.base()),
    "median_low": lambda p: u.LStatistic.median(p["s"], p.base(), low=True),
    "top_m_mean": lambda p: u.LStatistic.top_mean(p["s"], p.raw["m"], p.base()),
    "lstat_generic": lambda p: u.LStatistic(p["s"], p["D"], p.base()),
    "mth_largest": lambda p: u.MthLargest(p["s"], p.raw["m"], p.base()),
    "knn_soft_label": lambda p: u.SoftKNN(p["match"], p["dist"], p.raw["K"], p.base()),
    "sum_times_f": lambda p: u.SizedSum(p["s"], p["f"]),
    "group_variance": lambda p: u.GroupVariance(p["s"]),
    "ensemble_neg_mse": lambda p: u.EnsembleError(p["pred"], float(Fraction(p.raw["y"])), p.base()),
    "sum_pairwise_times_f": lambda p: u.SumPairwise(p["D"], p["f"]),
    "pairwise_quadratic": lambda p: u.Quadratic(p["lin"], p["Q"]),
    "cut_directed": lambda p: u.Cut(p["W"]),
    "cut_undirected": lambda p: u.Cut(p["W"]),
    "moebius_sparse": lambda p: u.Moebius(p.hits(), p["w"]),
    "myerson_path": lambda p: u.MyersonPath(p["iv"]),
    "det_gram_rank2": lambda p: u.Determinant(p["X"]),
    "product_affine": lambda p: u.Product(p["f"], None, float(Fraction(p.raw["b"])), float(Fraction(p.raw["a"]))),
    "product_two_sided": lambda p: u.Product(p["inn"], p["out"]),
    "weighted_voting": lambda p: u.WeightedVoting(p.raw["w"], p.raw["q"]),
    "saturated_sum": lambda p: u.SaturatedSum(p.raw["w"], p.raw["cap"]),
    "saturated_sum_signed": lambda p: u.SaturatedSum(p.raw["w"], p.raw["cap"]),
    "majority_correct": lambda p: u.WeightedVoting.majority((np.array(p.raw["w"]) + 1) // 2),
    "cascade": lambda p: u.Cascade(p["u"], p["q"], p["key"]),
    "err": lambda p: u.ERR(p["u"], p["key"]),
    "separable_concave": lambda p: u.ClassCounts(p.labels(), p["f"]),
    "unique_fraction": lambda p: u.UniqueFraction(p.labels()),
    "simpson_gini": lambda p: u.GiniSimpson(p.labels()),
    "shannon_entropy": lambda p: u.Entropy(p.labels()),
    "mnl_share": lambda p: u.MNLShare(p["w"], float(Fraction(p.raw["w0"]))),
    "mnl_revenue": lambda p: u.MNLRevenue(p["w"], p["r"], float(Fraction(p.raw["w0"]))),
    "log1p_sum": lambda p: u.LogSum(p["w"]),
    "log_sum_exp": lambda p: u.LogSumExp(np.log(p["w"]), p.base()),
    "log_mean_exp": lambda p: u.LogMeanExp(np.log(p["w"]), p.base()),
    "sqrt_sum": lambda p: u.SqrtSum(p["w"]),
    "softmax_weighted_mean": lambda p: u.SoftmaxMean(p["w"], p["r"], p.base()),
    "expected_max_independent": lambda p: u.ExpectedMax(p["cdf"], p["x"]),
    "mingap_line": lambda p: u.MinGap(p["x"]),
    "typed": lambda p: u.Typed(p.labels(), p["table"].reshape(p.raw["shape"])),
    "geometric_mean": lambda p: u.GeometricMean(p["a"], p.base()),
}


def largest_value(case: golden.Case) -> float:
    """max over S of |v(S)|, by definition."""
    utility, k = golden.utility_of(case)
    return max(abs(utility.value([i for i in range(k) if code >> i & 1])) for code in range(1 << k)) or 1.0


def check_case(case: golden.Case, dtype: Any, column: str) -> None:
    """Shapley values within the tolerance of the dtype, efficiency included."""
    utility, k = golden.utility_of(case, dtype)
    credit = sc.set_shapley(utility, k)
    scale = largest_value(case)
    error = float(np.abs(credit - golden.numbers(case["shapley"])).max()) / scale
    record(case["family"], column, error)
    assert credit.dtype == (utility.dtype or np.float64)
    assert error <= tolerance(dtype), f"{case['family']} {case['case']}: {credit} is not {case['shapley']}"
    spread = golden.numbers(case["v_full"]) - golden.numbers(case["v_empty"])
    assert abs(credit.sum() - spread) <= k * tolerance(dtype) * scale


def built_cases() -> list[golden.Case]:
    return [case for case in golden.cases() if case["family"] in golden.BUILDERS]
