"""Ragged credits, and the rules of credit by their formulas, one response at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import shapley_credit as sc
from hypothesis import strategies as st
from numpy.typing import NDArray
from shapley_credit.credit.rules import segment_advantages

from errors_seen import tolerance

Array = NDArray[Any]
NAN = float("nan")
FLOOR = 1e-3
OWN_BASELINES = ("none", "mean", "leave_one_out", "half_window_median")
# One number a group, or the mean of all others: these keep the order of R; a leave-one-out weighed by length keeps its sign.
IN_ORDER = {"own": OWN_BASELINES, "to_go": ("none", "leave_one_out", "place"), "marginal": ("none", "leave_one_out", "place")}
NUMBERS = st.one_of(st.integers(-3, 3).map(float), st.floats(-4, 4, width=32).map(float))


@st.composite
def responses(draw: st.DrawFn, absent: bool = True) -> dict[str, Any]:
    """Ragged segments with two credits that add up alike, groups in any order, some segments or whole responses absent."""
    sizes = draw(st.lists(st.integers(1, 5), min_size=1, max_size=7))
    credit = [draw(st.lists(NUMBERS, min_size=size, max_size=size)) for size in sizes]
    marginal = [list(draw(st.permutations(row))) for row in credit]
    if absent:
        for phi, m in zip(credit, marginal, strict=True):
            gone = draw(st.sets(st.integers(0, len(phi) - 1)))
            total = math.fsum(value for j, value in enumerate(phi) if j not in gone)
            kept = [j for j in range(len(phi)) if j not in gone]
            for j in range(len(phi)):
                m[j] = NAN if j in gone else total / max(len(kept), 1) + (j - math.fsum(kept) / max(len(kept), 1))
                phi[j] = NAN if j in gone else phi[j]
    return {
        "credit": credit,
        "marginal": marginal,
        "groups": draw(st.lists(st.sampled_from(["a", "b"]), min_size=len(sizes), max_size=len(sizes))),
        "lengths": draw(st.lists(st.integers(0, 9).map(float), min_size=len(sizes), max_size=len(sizes))),
    }


def present(row: list[float]) -> list[int]:
    return [j for j, value in enumerate(row) if not math.isnan(value)]


def total(row: list[float]) -> float:
    return math.fsum(row[j] for j in present(row))


def baseline_of(name: str, i: int, totals: dict[int, float], lengths: list[float]) -> float:
    others = [j for j in totals if j != i]
    match name:
        case "none":
            return 0.0
        case "mean":
            return math.fsum(totals.values()) / len(totals)
        case "leave_one_out":
            return math.fsum(totals[j] for j in others) / len(others) if others else totals[i]
        case "length_weighted_leave_one_out":
            whole = math.fsum(lengths[j] for j in others)
            if not whole:
                return baseline_of("leave_one_out", i, totals, lengths)
            return math.fsum(lengths[j] * totals[j] for j in others) / whole
        case "half_window_median":
            paid = sc.advantages(list(totals.values()), len(totals), baseline=name)
            return totals[i] - float(paid[list(totals).index(i)])
    raise AssertionError(name)


def to_go(row: list[float]) -> list[float]:
    return [math.fsum(row[k] for k in present(row) if k >= j) for j in range(len(row))]


def by_place(i: int, place: int, rows: dict[int, list[float]]) -> float:
    """What the others get from their decision at this place on; of their last decision, where none has one here."""
    ahead = {j: [to_go(row)[k] for k in present(row)] for j, row in rows.items() if j != i}
    here = [row[place] for row in ahead.values() if len(row) > place] or [row[-1] for row in ahead.values()]
    return math.fsum(here) / len(here)


def expected(case: dict[str, Any], rule: str, lam: float, baseline: str, scale: str) -> list[list[float]]:
    """One group at a time, one segment at a time."""
    share = {"own": 1.0, "to_go": 0.0, "marginal": lam}[rule]
    ahead = case["marginal"] if rule == "marginal" else case["credit"]
    out = [[0.0] * len(row) for row in case["credit"]]
    for name in set(case["groups"]):
        mine = [i for i, group in enumerate(case["groups"]) if group == name and present(case["credit"][i])]
        if not mine or (rule != "own" and baseline != "none" and len(mine) == 1):
            continue
        own = {i: total(case["credit"][i]) for i in mine}
        later = {i: total(ahead[i]) for i in mine}
        rows = {i: ahead[i] for i in mine}
        centred, coming, paid, ahead_of = [], [], {}, {}
        for i in mine:
            phi, kept = case["credit"][i], present(case["credit"][i])
            whole = baseline_of("leave_one_out" if baseline == "place" else baseline, i, own, case["lengths"]) if share else 0.0
            for place, j in enumerate(kept):
                below = 0.0
                if share < 1.0 and baseline == "place":
                    below = by_place(i, place, rows)
                elif share < 1.0:
                    below = baseline_of(baseline, i, later, case["lengths"])
                centred.append(phi[j] - math.fsum(own.values()) / len(own) / len(kept))
                coming.append(to_go(ahead[i])[j])
                paid[i, j], ahead_of[i, j] = share * (phi[j] - whole / len(kept)), (1 - share) * (coming[-1] - below)
        over = 1.0
        if scale == "group_std":
            spread = [max(float(np.std(flat, ddof=1)) if len(flat) > 1 else 0.0, FLOOR) for flat in (centred, coming)]
            over = share * spread[0] + (1 - share) * spread[1]
        for i in mine:
            after = 0.0
            for j in reversed(range(len(out[i]))):  # what is to go from an absent segment on, the next one gets too
                after = ahead_of.get((i, j), after)
                out[i][j] = (paid.get((i, j), 0.0) + after) / over
    return out


def paid_by(case: dict[str, Any], rule: str, baseline: str | None = None, scale: str = "none", lam: float = 0.0) -> list[Array]:
    lengths = case["lengths"] if baseline == "length_weighted_leave_one_out" else None
    given = {"marginal": case["marginal"], "lam": lam} if rule == "marginal" else {}
    return segment_advantages(
        case["credit"] if rule != "marginal" or lam else None,
        case["groups"],
        rule=rule,
        baseline=baseline,
        scale=scale,
        lengths=lengths,
        floor=FLOOR,
        **given,
    )


def rows_for(rule: str, rows: Any) -> dict[str, Any]:
    """Credits as the argument that a rule reads."""
    return {"credit": None, "marginal": rows} if rule == "marginal" else {"credit": rows}


def close(got: list[Array], wanted: list[list[float]], scale: str) -> bool:
    flat, flat_wanted = np.concatenate(got), np.concatenate([np.array(row) for row in wanted])
    return bool(np.abs(flat - flat_wanted).max() <= 1000 * tolerance(np.float64) / (FLOOR if scale != "none" else 1))
