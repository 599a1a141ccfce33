"""The rules of credit for responses that are sampled side by side: names, equations, parameters, columns, sources."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from shapley_credit import semivalues
from shapley_credit.convert import Array
from shapley_credit.inputs.checks import one_of, whole_number
from shapley_credit.methods import group_credits as pay
from shapley_credit.methods.gapo import DIVERSITIES


class Setting(NamedTuple):
    """A parameter of a rule: its default, what it is, and the check of a value, which raises InputError."""

    default: Any
    told: str
    check: Callable[[Any], object]


@dataclass(frozen=True)
class GroupRule:
    """A rule of credit for responses that are sampled side by side.

    Attributes:
        name: as a configuration says it.
        equation: what response i of a group of n present ones is paid, in one line, before the baseline.
        follows: the gradient that the advantages have as their mean under the rule's own baseline, for independent samples;
            V_m is the expected utility of m samples.
        source: the paper.
        credit: from `Responses` and the rule's parameters to credits; None for gdpo, which is a scale and pays no credit.
        columns: names of what it reads beside rewards.
        parameters: its own, by name; all rules take baseline, scale and floor too.
        baseline, scale: those of the paper, as `advantages` takes them; else the mean, as the estimator `shapley` has it.
        least: from m to the fewest responses that a group must have for the rule to pay it.

    >>> from shapley_credit.methods.group_rules import GROUP_RULES
    >>> rule = GROUP_RULES["pkpo"]
    >>> rule.follows, rule.baseline, rule.parameters["m"].default
    ('grad V_m, the best of m', 'none', 2)
    """

    name: str
    equation: str
    follows: str
    source: str
    credit: Callable[..., Array] | None
    columns: tuple[str, ...] = ()
    parameters: Mapping[str, Setting] = field(default_factory=dict)
    baseline: str = "none"
    scale: str = "none"
    least: Callable[[int], int] = lambda m: 1


def _utility(value: Any) -> None:
    if not callable(value):
        one_of(value, pay.UTILITIES, "utility", ", or a function of rewards= and the columns")


def _options(value: Any) -> None:
    if value is not None:
        whole_number(value, "options", 1)


_M = {"m": Setting(2, "the size of the sets, a whole number >= 1", lambda value: whole_number(value, "m", 1))}
_UTILITY = {"utility": Setting("best", "best, distinct, entropy, volume, or a function of rewards= and the columns", _utility)}
_RIGHT = "the rewards above 0 say which responses count"
_MEAN = "sum_{m < n} (1/m) grad V_m; without the mean also the term m = n"

GROUP_RULES: dict[str, GroupRule] = {
    rule.name: rule
    for rule in (
        GroupRule(
            "shapley",
            "phi_i(v), the Shapley value of the set utility",
            _MEAN,
            "Shapley (1953)",
            partial(pay.by_semivalue, rule=semivalues.shapley),
            parameters=_UTILITY,
            baseline="mean",
        ),
        GroupRule(
            "banzhaf",
            "sum_S [v(S + i) - v(S)] / 2^(n-1), over the sets S without i",
            "2^-(n-2) sum_{m < n} C(n - 1, m) grad V_m; without the mean 2^-(n-1) sum_m C(n, m) grad V_m",
            "Banzhaf (1965)",
            partial(pay.by_semivalue, rule=semivalues.banzhaf),
            parameters=_UTILITY,
            baseline="mean",
        ),
        GroupRule(
            "leave_one_out",
            "v(N) - v(N - i)",
            "grad V_n",
            "Tang et al. (2025), 2503.19595",
            partial(pay.by_semivalue, rule=semivalues.leave_one_out),
            parameters=_UTILITY,
        ),
        GroupRule(
            "best_minus_second",
            "max_N r - max_{N - i} r",
            "grad V_n, the best of n",
            "Tang et al. (2025), 2503.19595",
            partial(pay.by_semivalue, rule=semivalues.leave_one_out),
        ),
        GroupRule(
            "pass_at_k",
            "(pass rate of the m-sets with i - rho) / (sqrt(rho (1 - rho)) + 1e-6), rho that of all m-sets",
            "((n - m) / m) grad V_m, before the division",
            "Chen et al. (2025), 2508.10751",
            pay.pass_at_k,
            parameters=_M,
            least=lambda m: m + 1,
        ),
        GroupRule(
            "pkpo",
            "(m / n) mean_S [max_{S + i} r - max_S r], over the sets S of m - 1 others",
            "grad V_m, the best of m",
            "Walder & Karkhanis (2025), 2505.15201",
            pay.pkpo,
            parameters=_M,
            least=lambda m: m,
        ),
        GroupRule(
            "maxpo",
            "mean_T max_T r over the m-sets T with i - the same over those without i",
            "(n / m) grad V_m, the best of m",
            "Takashiro et al. (2026), 2606.06080",
            pay.maxpo,
            parameters=_M,
            least=lambda m: m + 1,
        ),
        GroupRule(
            "maxrl",
            "n phi_i(max), which less its mean is (r_i - mean) / mean for rewards 0 and 1",
            "n sum_{m < n} (1/m) grad V_m; without the mean also the term m = n",
            "Tajwar et al. (2026), 2602.02710",
            pay.maxrl,
            baseline="mean",
        ),
        GroupRule(
            "gapo",
            "phi_i(entropy of the answers - number of responses without one)",
            f"{_MEAN}; before the division",
            "Anschel et al. (2025), 2511.12596",
            pay.gapo,
            columns=("answer",),
            parameters={
                "utility": Setting("entropy", ", ".join(DIVERSITIES), lambda value: one_of(value, DIVERSITIES, "utility")),
                "options": Setting(None, "the number of valid answers, for frequency", _options),
            },
            baseline="mean",
            scale="group_std",
        ),
        GroupRule(
            "distinct",
            f"phi_i(number of different answers) = 1 / (responses with the answer of i); {_RIGHT}",
            _MEAN,
            "Puri et al. (2026), 2603.24844",
            partial(pay.by_semivalue, rule=semivalues.shapley, utility="distinct"),
            columns=("answer",),
            baseline="mean",
        ),
        GroupRule(
            "entropy",
            f"phi_i(entropy of the answers); {_RIGHT}",
            _MEAN,
            "Shapley (1953)",
            partial(pay.by_semivalue, rule=semivalues.shapley, utility="entropy"),
            columns=("answer",),
            baseline="mean",
        ),
        GroupRule(
            "coverage",
            f"sum over the items e of i of 1 / (responses that cover e); {_RIGHT}",
            _MEAN,
            "Shapley (1953)",
            pay.coverage,
            columns=("covers",),
            baseline="mean",
        ),
        GroupRule(
            "gcpo",
            "phi_i(det(I + sum_j x_j x_j^T) - 1), x_j = r_j times the embedding of j",
            _MEAN,
            "Chen et al. (2026), 2605.11461",
            partial(pay.by_semivalue, rule=semivalues.shapley, utility="volume"),
            columns=("embedding",),
            baseline="mean",
        ),
        GroupRule(
            "gdpo",
            "sum_r w_r z_ir, z the z-scores of reward r in the group; then their z-score in the batch",
            "no objective, as it divides by deviations",
            "Liu et al. (2026), 2601.05242",
            None,
            parameters={"weights": Setting(None, "[R], 1 by default", lambda value: None)},
            baseline="mean",
            scale="decoupled",
        ),
    )
}
