"""What our own estimators promise, measured: intervals, trees, text and library time; the rest of docs/estimators.md."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import shapley_credit as sc
from benchmarks import answers
from numpy.typing import NDArray

from plan_cases import GAMES, KNOWN, PHRASES, SIXTEEN, codes, every, text, windows

Array = NDArray[Any]

COVERAGE = """## Intervals

A cell is the share of credits that lie in their interval of 95%, over {seeds} seeds and 16 members. The mean leaves out games
that a method finds exactly. A budget that a method refuses has no row. The games are of the kinds above."""
METHODS = ("kriging", "adjusted", "boosted", "rotation", "antithetic", "permutation", "stratified", "regression")

FEW = """## Intervals where few of thirty members matter

Of the documents of a retrieval few matter. Here they are five of thirty. A cell is the share of credits that lie in their
interval of 95% from `kriging`: of the five and, in brackets, of all thirty, over {seeds} seeds. *facts* is 0.6 for one of two
documents and 0.4 for a pair together, and a fifth document, which misleads, halves it. *AND* is 1 for three members together
and 1 for two others. *max* is the best of five scores."""

TREES = """## Coalition trees

A cell is the mean squared error times the evaluations, divided by that of `permutation`, which draws plain orders that keep
unions together: below 1 is better. 16 members stand in four unions (Owen) or on three levels (Winter); a method asks at most
{budget} evaluations; {seeds} seeds."""

TEXT = """## Six sentences of four phrases

An exact Owen value takes {exact:,} evaluations. This paragraph compares an estimate from 256 evaluations with the rule of OSPO
(arXiv 2601.08403), which asks contiguous windows of phrases: up to {widest} phrases, {windows} evaluations, all that the budget
allows. The estimate's distance from the exact value is {shares}, for {games} random games of facts that phrases support."""

TIME = """## Library time

How long does the library itself take for 1,000 responses of 64 evaluations each? Times are CPU seconds of one thread to plan,
to ask without repetition, and to solve; the time of the utility is taken off. *texts* have 2 to 8 sentences of 2 to 6 phrases,
at most 30 phrases in all. *all different* has sentences of 1 to 8 phrases, and no two texts have as many sentences of each
length.

{answer}

{rows}"""


def coverage(seeds: int) -> list[str]:
    """A row a method and budget: the share of intervals that hold, game by game and over those that are not found exactly."""
    lines = [f"| method | evaluations | {' | '.join(KNOWN)} | mean |", "|---" * (3 + len(KNOWN)) + "|"]
    everything = every(16)
    tables = {game: value(everything).astype(np.float64) for game, value in KNOWN.items()}
    for name in METHODS:
        for budget in (160, 400):
            cells, held = [], []
            for values in tables.values():
                covered, exact = covers(name, budget, values, seeds)
                cells.append("exact" if exact else f"{covered:.3f}")
                held += [] if exact else [covered]
            if not np.isnan(held).any():
                lines.append(f"| {name} | {budget} | {' | '.join(cells)} | {np.mean(held):.3f} |")
                print(lines[-1], flush=True)
    return [COVERAGE.format(seeds=seeds), "", answers.intervals("\n".join(lines)), "", *lines]


def covers(name: str, budget: int, values: Array, seeds: int) -> tuple[float, bool]:
    """The share of intervals that hold, nan where the budget is too small, and whether all credits are exact up to rounding."""
    truth, rounding, covered, error = sc.set_shapley(sc.utilities.Table(values)), 1e-12 * np.abs(values).max(), [], 0.0
    for seed in range(seeds):
        try:
            plan = sc.plan(16, budget=budget, method=name, seed=seed)
        except sc.InputError:
            return float("nan"), False
        result = plan.solve(values[codes(plan.coalitions)])
        low, high = result.interval()
        covered.append((low <= truth + rounding) & (truth <= high + rounding))
        error = max(error, float(np.abs(result.values - truth).max()))
    return float(np.mean(covered)), error <= 100 * rounding


def few_that_matter(seeds: int, k: int = 30) -> list[str]:
    """A row a game, budgets across: the share of intervals that hold, of five members that matter and of all."""
    scores = np.array([1.0, 0.8, 0.6, 0.5, 0.3])
    games: dict[str, Callable[[Array], Array]] = {
        "facts": lambda x: (0.6 * x[:, :2].any(axis=1) + 0.4 * x[:, 2:4].all(axis=1)) * (1 - 0.5 * x[:, 4]),
        "AND": lambda x: np.stack([x[:, :3].all(axis=1), x[:, 3:5].all(axis=1)]).sum(axis=0),
        "max": lambda x: np.where(x[:, :5], scores, 0.0).max(axis=1),
    }
    calls = (4, 10, 20)
    lines = [f"| game | {' | '.join(f'{each} evaluations a member' for each in calls)} |", "|---" * (1 + len(calls)) + "|"]
    for name, game in games.items():
        truth, cells = np.zeros(k), []
        truth[:5] = sc.set_shapley(sc.utilities.Table(game(every(5))))
        for each in calls:
            held = np.array([holds(game, each * k, truth, seed) for seed in range(seeds)])
            cells.append(f"{held[:, :5].mean():.2f} ({held.mean():.2f})")
        lines.append(f"| {name} | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    return [FEW.format(seeds=seeds), "", answers.few_that_matter("\n".join(lines)), "", *lines]


def holds(game: Callable[[Array], Array], budget: int, truth: Array, seed: int) -> Array:
    """Which intervals of an estimate hold the truth, up to rounding."""
    plan = sc.plan(len(truth), budget=budget, seed=seed)
    low, high = plan.solve(game(plan.coalitions)).interval()
    held: Array = (low <= truth + 1e-12) & (truth <= high + 1e-12)
    return held


def trees(seeds: int, budget: int = 300) -> list[str]:
    """A row a tree and method, games across."""
    lines = [f"| tree | method | {' | '.join(GAMES)} |", "|---" * (2 + len(GAMES)) + "|"]
    for title, tree in SIXTEEN.items():
        costs = {name: [cost(name, tree, game, budget, seeds) for game in GAMES.values()] for name in METHODS[:6]}
        for name in ("kriging", "rotation", "antithetic"):
            shares = np.array(costs[name]) / costs["permutation"]
            cells = [f"{share:.1e}" if share < 1e-3 else f"{share:.2f}" for share in shares]
            lines.append(f"| {title} | {name} | {' | '.join(cells)} |")
            print(lines[-1], flush=True)
    return [TREES.format(seeds=seeds, budget=budget), "", answers.trees("\n".join(lines)), "", *lines]


def cost(name: str, tree: Any, game: Callable[[Array], Array], budget: int, seeds: int) -> float:
    """Mean squared error times evaluations."""
    exact = sc.plan(tree)
    truth = exact.solve(game(exact.coalitions)).values
    total = 0.0
    for seed in range(seeds):
        plan = sc.plan(tree, budget=budget, method=name, seed=seed)
        total += float(((plan.solve(game(plan.coalitions)).values - truth) ** 2).mean()) * len(plan.coalitions)
    return total / seeds


def of_text(games: int = 10) -> list[str]:
    """The paragraph on text."""
    exact, widest = sc.plan(PHRASES), 14
    shares = []
    for seed in range(games):
        game = text(seed)
        truth = exact.solve(game(exact.coalitions)).values
        plan = sc.plan(PHRASES, budget=256, seed=seed)
        ours = np.linalg.norm(plan.solve(game(plan.coalitions)).values - truth)
        shares.append(float(ours / np.linalg.norm(windows(game, 24, widest) - truth)))
    count = 2 + sum(25 - width for width in range(1, widest + 1))
    listed = f"{min(shares):.2f} to {max(shares):.2f} of the rule's, {np.mean(shares):.2f} on average"
    return [TEXT.format(exact=len(exact.coalitions), widest=widest, windows=count, shares=listed, games=games)]


def responses(kind: str, count: int) -> list[list[list[int]]]:
    """Coalition trees of responses: phrases by sentence."""
    rng, found, shapes = np.random.default_rng(0), list[Any](), set[tuple[int, ...]]()
    while len(found) < count:
        low, high = (1, 9) if kind == "all different" else (2, 7)
        sizes = np.array([3, 4, 3, 2, 4]) if kind == "one tree" else rng.integers(low, high, rng.integers(2, 9))
        shape = tuple(sorted(sizes.tolist()))
        if sizes.sum() <= 30 and (kind != "all different" or shape not in shapes):
            ends = np.cumsum(sizes).tolist()
            found.append([list(range(end - size, end)) for size, end in zip(sizes.tolist(), ends, strict=True)])
            shapes.add(shape)
    return found


def library_time() -> list[str]:
    """The fastest of three runs."""
    rows = ["| responses | trees | plan | evaluate | solve | all |", "|---|---|---|---|---|---|"]
    for kind in ("texts", "all different", "one tree"):
        of_kind = responses(kind, 1000)
        taken = min((throughput(of_kind) for _ in range(3)), key=sum)
        shapes = len({tuple(sorted(map(len, tree))) for tree in of_kind})
        rows.append(f"| {kind} | {shapes} shapes | {' | '.join(f'{part:.2f}' for part in (*taken, sum(taken)))} |")
        print(rows[-1], flush=True)
    return TIME.format(answer=answers.library_time("\n".join(rows)), rows="\n".join(rows)).splitlines()


def throughput(of_responses: list[list[list[int]]]) -> tuple[float, float, float]:
    """Seconds of planning, asking and solving; that of the reward, worth of the facts that phrases support, is taken off."""
    clock, asked, rng = time.process_time, [0.0], np.random.default_rng(1)
    supports = [rng.random((tree[-1][-1] + 1, 12)) < 0.15 for tree in of_responses]
    worth = rng.random(12)

    def reward(requests: list[Any]) -> Array:
        start = clock()
        values = np.array([supports[number][list(coalition)].any(axis=0) @ worth for number, coalition in requests])
        asked[0] += clock() - start
        return values

    begin = clock()
    plans = [sc.plan(tree, budget=64) for tree in of_responses]
    planned = clock()
    values = sc.evaluate(sc.batched(reward), plans, request=lambda number, coalition: (number, coalition))
    evaluated = clock()
    sc.solve_plans(plans, values)
    return planned - begin, evaluated - planned - asked[0], clock() - evaluated
