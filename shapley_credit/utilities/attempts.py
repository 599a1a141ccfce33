"""Attempts at one answer: pass@m and votes."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb
from typing import Any, ClassVar

import numpy as np

from shapley_credit.convert import Array
from shapley_credit.inputs.fields import Field, Parameter, flag, label
from shapley_credit.inputs.labels import Labelled
from shapley_credit.inputs.pricing import LINEAR
from shapley_credit.inputs.problems import Problem
from shapley_credit.utility import Utility


class PassAtK(Utility):
    """The unbiased pass@m estimator, v(S) = 1 - C(|S| - c, m) / C(|S|, m) with c correct members in S, 0 if |S| < m.

    The chance that m draws from S hold a correct one (Chen et al. 2021, Evaluating large language models trained on code).
    Shapley in closed form, with harmonic numbers H and the chance q = C(k - c, m) / C(k - 1, m) that m draws from the others of
    a correct member miss: phi = (1 + m q (H_k - H_m)) / k for a correct member; wrong members share the rest, which may be
    negative. correct: [..., k], flags; m: whole number of draws >= 1; mask: [..., k]. Cost O(k).
    Raises InputError for flags that are not all 0 or 1 and m < 1.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.PassAtK([1, 0], 1))
    array([ 0.75, -0.25])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"correct": flag("k"), "m": Parameter()}
    _light: ClassVar[int] = LINEAR
    correct: Array
    m: int

    def __init__(self, correct: Any, m: int, *, mask: Any = None) -> None:
        self.bind(mask, correct=correct, m=m)

    def definition(self, members: Array) -> float:
        size, wrong = len(members), int((~self.correct[members]).sum())
        return 1 - comb(wrong, self.m) / comb(size, self.m) if size >= self.m else 0.0

    def reduce(self) -> Sequence[Problem]:
        draws = min(self.m, self.k + 1)  # every m above k gives 0; larger ones could overflow int64
        return [Problem("counts", "pass_at_k", (self.rows("correct", full=True), self.present(), draws))]


class Plurality(Labelled, Utility):
    """Vote for the right answer: v(S) = 1 if the target class is the largest in S, else 0; v(empty) = 0.

    ties="strict": only an outright win counts; ties="shared": a tie of T classes counts 1 / T.
    Shapley: an integral over independent inclusion of the chance that the others leave a member decisive (Owen 1972), by exact
    quadrature; members of one class are credited alike, wrong classes never above zero.
    labels: [..., k], of any kind (docs/arrays.md), None and NaN for no vote, which counts for nobody; target: [...], the right
    label, compared with them by content, and equal to none if it is missing; mask: [..., k].
    Cost O((k + n_0 C) min(k/2, 4.3 sqrt k)) for C classes and n_0 target members, with shared ties C / 2 times n_0 C.
    Raises InputError for labels that can't be compared.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.Plurality(["42", "42", "17", None], target="42"))
    array([ 0.66666667,  0.66666667, -0.33333333,  0.        ])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {
        "labels": label("k"),
        "target": label(),
        "ties": Parameter(("strict", "shared")),
    }
    labels: Array
    target: Array
    ties: str

    def __init__(self, labels: Any, target: Any = 0, *, ties: str = "strict", mask: Any = None) -> None:
        self.bind(mask, labels=labels, target=target, ties=ties)

    def definition(self, members: Array) -> float:
        classes, votes = np.unique(self.known(members), return_counts=True)
        winners = classes[votes == votes.max(initial=0)]
        if self.target not in winners:
            return 0.0
        return 1 / len(winners) if self.ties == "shared" else float(len(winners) == 1)

    def reduce(self) -> Sequence[Problem]:
        arrays = (self.rows("labels", full=True), self.present(), self.rows("target"), self.ties == "shared")
        return [Problem("counts", "plurality", arrays)]
