"""Our estimators beside all of shapiq's on its own games and the classic ones, at equal budgets; writes docs/estimators.md.

    PYTHONPATH=.:tests/support python -m benchmarks.estimators --seeds 15

and with --scores .benchmarks/estimators.json for the scores of an earlier run, the rest anew.

Every method is asked through its public interface, pays for each coalition that it asks, and is judged by the mean squared
error of its Shapley values against exact ones. Time is the CPU time of a call, that of the game, a table, included.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import shapiq
import shapley_credit as sc
from benchmarks import answers
from benchmarks.estimator_claims import coverage, few_that_matter, library_time, of_text, trees
from numpy.typing import NDArray
from shapiq import approximator
from shapiq_games.synthetic import SOUM, DummyGame, UnanimityGame

Array = NDArray[Any]
Method = Callable[[int, int, Callable[[Array], Array], int], Array]  # players, budget, game, seed -> values

HEADER = """# Estimators at equal budgets

How good are credits that are estimated from few evaluations? This page compares the methods of `sc.plan` with those of shapiq
on ten games with known Shapley values, for whoever must choose a method. `python -m benchmarks.estimators` measured it with
shapiq {shapiq}, Python {python} and NumPy {numpy}. Pages that were measured with Python 3.11 have shapiq 1.4.1: later releases
need Python 3.12.

- A game is called by its kind and its number of members. *unanimity* is 1 if all of five members are there, and *sum of
  unanimity* a weighted sum of such games. In *dummy* each member adds as much, and two add more together. *random table* draws
  each value by itself, *max* is the best score in a set, and *weighted voting* is 1 for more than half of the votes. *coverage*
  is the worth of the facts that a set covers, and *pairwise* sums terms of members and pairs.
- shapiq's methods have the names of its classes. MSR is maximum sample reuse: every answer serves the credits of all members.
- A cell is the mean squared error of the Shapley values, averaged over {seeds} seeds. Errors below 1e-20 are rounding: the
  table calls them exact and ranks them as equal.
- Methods of this library are bold. `method="auto"` takes `kriging` at these budgets.
- *times best* is the largest ratio of a method's error to that of the best method, over the games.
- *ms* is the median CPU time of a call, because the machine is shared.
- A method that refuses a budget ranks last, with the error that it raised. ProxySPEX is left out: it took 3 s a call at 160
  evaluations, and minutes at 1,024."""
EQUAL = 1e-20  # errors below are rounding, and count as equal


class Game(NamedTuple):
    """All values of a game, and its exact Shapley values."""

    values: Array
    truth: Array


def tabulated(players: int, value: Callable[[Array], Array]) -> Game:
    """A game of bool [m, players] -> [m]."""
    codes = np.arange(1 << players)
    blocks = np.array_split(codes, max(1, len(codes) >> 16))
    parts = [value((block[:, None] >> np.arange(players) & 1).astype(np.bool_)) for block in blocks]
    table = np.concatenate(parts).astype(np.float64)
    return Game(table, sc.set_shapley(sc.utilities.Table(table)))


def games() -> dict[str, Game]:
    """The ten games."""
    rng = np.random.default_rng(2024)
    table = rng.integers(0, 101, 1 << 12) / 100
    scores = {players: rng.random(players) for players in (16, 20)}
    weights = rng.integers(1, 21, 16)
    hits, worth = rng.random((16, 60)) < 0.15, rng.random(60)
    pairs, alone = np.triu(rng.normal(size=(16, 16)), 1), rng.normal(size=16)
    winners = np.isin(np.arange(16), [1, 4, 6, 11, 14]).astype(int)
    of_shapiq = {
        "sum of unanimity 16": (16, SOUM(16, 30, random_state=1)),
        "sum of unanimity 18": (18, SOUM(18, 40, random_state=2)),
        "dummy 16": (16, DummyGame(16, (1, 2))),
        "unanimity 16": (16, UnanimityGame(winners)),
    }
    ours: dict[str, tuple[int, Callable[[Array], Array]]] = {
        "random table 12": (12, lambda x: table[x @ (1 << np.arange(12))]),
        "max 16": (16, lambda x: np.where(x, scores[16], 0).max(axis=1)),
        "max 20": (20, lambda x: np.where(x, scores[20], 0).max(axis=1)),
        "weighted voting 16": (16, lambda x: x @ weights >= weights.sum() // 2 + 1),
        "coverage 16": (16, lambda x: (x.astype(int) @ hits > 0) @ (worth / worth.sum())),
        "pairwise 16": (16, lambda x: x @ alone + np.einsum("mi,ij,mj->m", x * 1.0, pairs, x * 1.0)),
    }
    found = {name: tabulated(players, of_integers(game)) for name, (players, game) in of_shapiq.items()}
    return found | {name: tabulated(players, value) for name, (players, value) in ours.items()}


def of_integers(game: Any) -> Callable[[Array], Array]:
    """A game of shapiq, which takes coalitions as numbers."""
    return lambda coalitions: game.value_function(coalitions.astype(int))


def of_ours(name: str) -> Method:
    """A method of `plan`."""

    def run(players: int, budget: int, game: Callable[[Array], Array], seed: int) -> Array:
        plan = sc.plan(players, budget=budget, method=name, seed=seed)
        credits: Array = plan.solve(game(plan.coalitions)).values
        return credits

    return run


def of_theirs(name: str, **options: Any) -> Method:
    """An approximator of shapiq."""

    def run(players: int, budget: int, game: Callable[[Array], Array], seed: int) -> Array:
        found = getattr(approximator, name)(n=players, random_state=seed, **options).approximate(budget, game)
        values: Array = np.array([found[(i,)] for i in range(players)])
        return values

    return run


# Methods of shapiq for Shapley values and their settings; those that the installed version lacks are left out.
THEIRS: dict[str, tuple[str, dict[str, Any]]] = {
    "OwenSamplingSV": ("OwenSamplingSV", {}),
    "StratifiedSamplingSV": ("StratifiedSamplingSV", {}),
    "PermutationSamplingSV": ("PermutationSamplingSV", {}),
    "SVARM": ("SVARM", {}),
    "SVARM, paired": ("SVARM", {"pairing_trick": True}),
    "UnbiasedKernelSHAP": ("UnbiasedKernelSHAP", {}),
    "UnbiasedKernelSHAP, paired": ("UnbiasedKernelSHAP", {"pairing_trick": True}),
    "KernelSHAP": ("KernelSHAP", {}),
    "KernelSHAP, paired": ("KernelSHAP", {"pairing_trick": True}),
    "kADDSHAP": ("kADDSHAP", {"max_order": 2}),
    "kADDSHAP, paired": ("kADDSHAP", {"max_order": 2, "pairing_trick": True}),
    "LeverageSHAP": ("LeverageSHAP", {}),
    "OddSHAP": ("OddSHAP", {}),
    "PolySHAP": ("PolySHAP", {}),
    "RegressionMSR": ("RegressionMSR", {"index": "SV"}),
    "ProxySHAP": ("ProxySHAP", {"max_order": 1, "index": "SV"}),
    "ProxySHAP, adjusted": ("ProxySHAP", {"max_order": 1, "index": "SV", "adjustment": True}),
    "ProxySHAP, cross-fitted": ("ProxySHAP", {"max_order": 1, "index": "SV", "adjustment": True, "k_folds": 5}),
}
OURS = ("kriging", "adjusted", "boosted", "stratified", "regression", "rotation", "antithetic", "permutation")


def methods() -> dict[str, Method]:
    """All methods by the names they have in the table."""
    theirs = {title: of_theirs(name, **options) for title, (name, options) in THEIRS.items() if hasattr(approximator, name)}
    return {f"**{name}**": of_ours(name) for name in OURS} | theirs


class Score(NamedTuple):
    """Mean squared error over players and seeds, and the median and the least time of a call in seconds."""

    error: float
    seconds: float
    fastest: float


def measure(game: Game, budget: int, method: Method, seeds: int) -> Score | str:
    """The score of a method, or why it has none."""
    players = len(game.truth)
    bits = 1 << np.arange(players)
    errors, times = [], []
    for seed in range(seeds):
        paid: set[int] = set()

        def ask(coalitions: Array, paid: set[int] = paid) -> Array:
            codes = np.atleast_2d(coalitions) @ bits
            paid.update(codes.tolist())
            above: Array = game.values[codes] - game.values[0]
            return above

        start = time.process_time()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                values = method(players, budget, ask, seed)
        except Exception as error:  # noqa: BLE001 - a method that refuses a budget stands in the table as such
            return f"{type(error).__name__}"
        times.append(time.process_time() - start)
        if len(paid) > budget:
            return f"asks {len(paid)}"
        errors.append(float(((values - game.truth) ** 2).mean()))
    return Score(float(np.mean(errors)), float(np.median(times)), min(times))


def ranks(scores: dict[str, Score | str]) -> dict[str, float]:
    """Ranks by error, equal ones shared; who has no score comes last."""
    errors = {name: max(score.error, EQUAL) if isinstance(score, Score) else np.inf for name, score in scores.items()}
    found = {}
    for name, error in errors.items():
        below = sum(other < error for other in errors.values())
        found[name] = below + (1 + sum(other == error for other in errors.values())) / 2
    return found


def cell(score: Score | str) -> str:
    """An error as it stands in a table."""
    if isinstance(score, str):
        return score
    return "exact" if score.error < EQUAL else f"{score.error:.1e}"


def worst(scores: dict[str, dict[str, Score | str]], name: str) -> str:
    """The largest ratio over games of a method's error to that of the best method."""
    ratios = []
    for of_game in scores.values():
        own, errors = of_game[name], [score.error for score in of_game.values() if isinstance(score, Score)]
        ratios.append(max(own.error, EQUAL) / max(min(errors), EQUAL) if isinstance(own, Score) else np.inf)
    largest = max(ratios)
    return "" if largest == np.inf else f"{largest:.1f}" if largest < 100 else "> 100"


def table(of_games: dict[str, dict[str, Score | str]]) -> list[str]:
    """One budget: methods by mean rank, games across."""
    by_game = {name: ranks(scores) for name, scores in of_games.items()}
    names = list(next(iter(of_games.values())))
    mean = {name: float(np.mean([by_game[game][name] for game in of_games])) for name in names}
    lines = [f"| method | mean rank | times best | ms | {' | '.join(of_games)} |", "|---" * (4 + len(of_games)) + "|"]
    for name in sorted(names, key=mean.__getitem__):
        scores = [of_games[game][name] for game in of_games]
        times = [score.seconds for score in scores if isinstance(score, Score)]
        speed = f"{1e3 * np.median(times):.0f}" if times else ""
        lines.append(f"| {name} | {mean[name]:.1f} | {worst(of_games, name)} | {speed} | {' | '.join(map(cell, scores))} |")
    ours = [of_games[game]["**kriging**"] for game in of_games]
    fastest = [f"{1e3 * score.fastest:.0f}" for score in ours if isinstance(score, Score)]
    return [
        answers.estimators("\n".join(lines)),
        "",
        *lines,
        "",
        f"The fastest calls of kriging take {', '.join(fastest)} ms of CPU on the games from left to right.",
    ]


def compare(seeds: int) -> dict[str, dict[str, dict[str, Score | str]]]:
    """Scores by budget, game and method."""
    cases, found = games(), dict[str, dict[str, dict[str, Score | str]]]()
    for title, budget_of in BUDGETS.items():
        found[title] = {}
        for name, game in cases.items():
            budget = budget_of(len(game.truth))
            found[title][name] = {method: measure(game, budget, run, seeds) for method, run in methods().items()}
            print(name, budget, found[title][name]["**kriging**"], flush=True)
    return found


BUDGETS: dict[str, Callable[[int], int]] = {
    "10 evaluations a member": lambda players: 10 * players,
    "1,024 evaluations": lambda players: 1024,
}
SAVED = Path(__file__).parent.parent / ".benchmarks" / "estimators.json"


def read(path: Path) -> dict[str, dict[str, dict[str, Score | str]]]:
    """Scores that an earlier run has saved."""
    saved = json.loads(path.read_text())
    return {
        title: {
            game: {name: score if isinstance(score, str) else Score(*score) for name, score in scores.items()}
            for game, scores in of_games.items()
        }
        for title, of_games in saved.items()
    }


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=15)
    parser.add_argument("--scores", type=Path, help="scores that an earlier run has saved, instead of new ones")
    parser.add_argument("--page", type=Path, default=Path(__file__).parent.parent / "docs" / "estimators.md")
    options = parser.parse_args()
    scores = read(options.scores) if options.scores else compare(options.seeds)
    SAVED.parent.mkdir(exist_ok=True)
    SAVED.write_text(json.dumps(scores))
    lines = [
        HEADER.format(seeds=options.seeds, shapiq=shapiq.__version__, numpy=np.__version__, python=platform.python_version())
    ]
    for title, of_games in scores.items():
        lines += ["", f"## {title}", "", *table(of_games)]
    few = few_that_matter(4 * options.seeds)
    for part in (coverage(4 * options.seeds), few, trees(2 * options.seeds), of_text(options.seeds), library_time()):
        lines += ["", *part]
    options.page.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
