"""Rules of credit on policies so small that every gradient is a sum over all responses; writes the tables of docs/rules.md.

A game is a list of responses. Each has a chance that the policy does not rule, segments with credits, and for every segment the
decision that wrote it: an action at a node of the policy, which has a softmax at each node. A rule sees groups of responses to
one prompt, so that what it teaches is the mean over all groups.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import shapley_credit as sc
from benchmarks.markdown import table
from numpy.typing import NDArray
from shapley_credit import semivalues
from shapley_credit import utilities as u
from shapley_credit.credit.rules import rule_tokens

Array = NDArray[Any]

PAGE = Path(__file__).parents[1] / "docs" / "rules.md"
TEMPLATE = Path(__file__).with_name("rules.md")
GROUP = 2


@dataclass(frozen=True)
class Response:
    """Attributes:
    decisions: for each token (node, action), or None where the policy has no choice.
    shapley, marginal, without: credits of the segments: Shapley values, marginal contributions in order, leave-one-out.
    reward: v(N). chance: of the world, beside the policy's own.
    lengths: tokens of each segment, by default one.
    """

    decisions: tuple[tuple[int, int] | None, ...]
    shapley: tuple[float, ...]
    marginal: tuple[float, ...]
    without: tuple[float, ...]
    reward: float
    chance: float = 1.0
    lengths: tuple[int, ...] = ()

    @property
    def tokens(self) -> tuple[int, ...]:
        return self.lengths or (1,) * len(self.shapley)


@dataclass(frozen=True)
class Game:
    """Responses, the logits that the policy starts from, one row a node, and how its first decision is right: an action."""

    name: str
    responses: tuple[Response, ...]
    start: tuple[tuple[float, ...], ...]
    node: int
    best: int

    @cached_property
    def logits(self) -> Array:
        return np.array(self.start, np.float64)

    def chances(self, logits: Array) -> Array:
        """Of each response."""
        policy = _softmax(logits)
        return np.array(
            [each.chance * np.prod([policy[choice] for choice in each.decisions if choice]) for each in self.responses]
        )

    def scores(self, logits: Array) -> list[Array]:
        """grad log pi of the decision of each token [T, nodes, actions], of each response."""
        policy, found = _softmax(logits), []
        for each in self.responses:
            rows = np.zeros((len(each.decisions), *logits.shape))
            for row, choice in zip(rows, each.decisions, strict=True):
                if choice is not None:
                    row[choice[0]] = -policy[choice[0]]
                    row[choice] += 1.0
            found.append(rows)
        return found

    def gradient(self, logits: Array) -> Array:
        """Of the expected reward."""
        chance, scores = self.chances(logits), self.scores(logits)
        rewards = [each.reward for each in self.responses]
        terms = [p * reward * rows.sum(axis=0) for p, reward, rows in zip(chance, rewards, scores, strict=True)]
        slope: Array = np.sum(terms, axis=0)
        return slope


def _softmax(logits: Array) -> Array:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    share: Array = raised / raised.sum(axis=1, keepdims=True)
    return share


# Advantages of the tokens of n groups of GROUP responses, [n * GROUP][T_i]; group after group.
Rule = Callable[[Sequence[Response], str], list[Array]]


def _tokens(responses: Sequence[Response], credit: list[Any] | None, scale: str, **rule: Any) -> list[Array]:
    mask = [np.ones(sum(each.tokens)) for each in responses]
    lengths = [each.tokens for each in responses]
    paid = rule_tokens(mask, credit, GROUP, segment_lengths=lengths, scale=scale, **rule)
    return [row.astype(np.float64) for row in paid]


def shared(responses: Sequence[Response], scale: str) -> list[Array]:
    """GRPO: every token gets the advantage of the response."""
    paid = sc.advantages([each.reward for each in responses], GROUP, scale=scale)
    return [np.full(sum(each.tokens), one) for each, one in zip(responses, paid, strict=True)]


def by_segment(responses: Sequence[Response], scale: str) -> list[Array]:
    """Own credit against the mean over segments, as before the law."""
    flat = np.concatenate([each.shapley for each in responses])
    sizes = [len(each.shapley) for each in responses]
    paid = sc.advantages(flat, np.repeat(np.arange(len(sizes)) // GROUP, sizes), scale=scale)
    rows = np.split(paid, np.cumsum(sizes)[:-1])
    return [np.repeat(row, each.tokens) for row, each in zip(rows, responses, strict=True)]


def own(responses: Sequence[Response], scale: str) -> list[Array]:
    return _tokens(responses, [each.shapley for each in responses], scale)


def own_without(responses: Sequence[Response], scale: str) -> list[Array]:
    return _tokens(responses, [each.without for each in responses], scale, rewards=[each.reward for each in responses])


def to_go(responses: Sequence[Response], scale: str) -> list[Array]:
    return _tokens(responses, [each.shapley for each in responses], scale, rule="to_go")


def marginal(responses: Sequence[Response], scale: str) -> list[Array]:
    return _tokens(responses, None, scale, rule="marginal", marginal=[each.marginal for each in responses])


def mixture(responses: Sequence[Response], scale: str) -> list[Array]:
    phi, grown = ([getattr(each, name) for each in responses] for name in ("shapley", "marginal"))
    return _tokens(responses, phi, scale, rule="marginal", marginal=grown, lam=0.5)


RULES: dict[str, Rule] = {
    "GRPO, one reward for all": shared,
    "own, mean over segments (before)": by_segment,
    "own": own,
    "own, leave-one-out credit": own_without,
    "to_go": to_go,
    "marginal": marginal,
    "marginal, lam=.5": mixture,
}


def taught(game: Game, rule: Rule, logits: Array, scale: str = "none") -> tuple[Array, float]:
    """The expected gradient of a response under a rule, and tr cov of that of one group."""
    chance, scores = game.chances(logits), game.scores(logits)
    groups = list(product(range(len(game.responses)), repeat=GROUP))
    rows = rule([game.responses[i] for group in groups for i in group], scale)
    mean, square = np.zeros_like(logits), 0.0
    for number, group in enumerate(groups):
        paid = rows[number * GROUP : (number + 1) * GROUP]
        drawn = np.sum([np.tensordot(a, scores[i], axes=1) for a, i in zip(paid, group, strict=True)], axis=0) / GROUP
        weight = chance[list(group)].prod()
        mean += weight * drawn
        square += weight * float((drawn**2).sum())
    return mean, square - float((mean**2).sum())


def learnt(game: Game, rule: Rule, steps: int = 500, rate: float = 0.2, scale: str = "group_std") -> float:
    """The chance of the right first decision after gradient ascent on exact expectations, everything else held as it is."""
    logits = game.logits.copy()
    for _ in range(steps):
        logits[game.node] += rate * taught(game, rule, logits, scale)[0][game.node]
    return float(_softmax(logits)[game.node, game.best])


def sums(credits: Sequence[float], *decisions: tuple[int, int] | None, lengths: tuple[int, ...] = ()) -> Response:
    """A response whose reward is the sum of its segments, each worth the same in every company."""
    given = tuple(map(float, credits))
    made = (*decisions, *(None,) * (sum(lengths) or len(given)))[: sum(lengths) or len(given)]
    return Response(made, given, given, given, sum(given), lengths=lengths)


def best_of(rewards: Sequence[float], *decisions: tuple[int, int] | None, chance: float = 1.0) -> Response:
    """A response of candidates that is worth the best of them; each is a marker and then the token that was decided."""
    game = u.Max(list(map(float, rewards)))
    credit = (sc.set_shapley(game), sc.marginal_vector(game), sc.set_semivalue(game, semivalues.leave_one_out))
    shapley, grown, without = (tuple(map(float, each)) for each in credit)
    made = [choice for each in decisions for choice in (None, each)]
    return Response(tuple(made), shapley, grown, without, max(rewards), chance, (2,) * len(rewards))


LENGTHS = Game("1 against eight of 1.5 / 8", (sums([1.0], (0, 0)), sums([1.5 / 8] * 8, (0, 1))), ((0.0, 0.0),), node=0, best=1)
LATE = Game("1 against 0, then 1.5", (sums([1.0], (0, 0)), sums([0.0, 1.5], (0, 1))), ((0.0, 0.0),), node=0, best=1)
THREE = Game(
    ".9 in one, 1 in three, .8 in eight",
    (sums([0.9], (0, 0)), sums([1 / 3] * 3, (0, 1)), sums([0.1] * 8, (0, 2))),
    ((0.0, 0.0, 0.0),),
    node=0,
    best=1,
)
# The first candidate steers the second: .5 leads to 1, .6 to 0.
STEERING = Game(
    "steering",
    tuple(best_of([(0.5, 0.6)[a], (1.0, 0.0)[b]], (0, a), (1 + a, b)) for a, b in product(range(2), repeat=2)),
    ((0.0, 0.0), (5.0, -5.0), (-5.0, 5.0)),
    node=0,
    best=0,
)
# The first candidate is worth 1 whatever is done; then .9 for sure, or 1.5 with chance .1 and else nothing.
PREFIX = Game(
    "1, then .9 or a chance of 1.5",
    (
        best_of([1.0, 0.9], None, (0, 0)),
        best_of([1.0, 1.5], None, (0, 1), chance=0.1),
        best_of([1.0, 0.0], None, (0, 1), chance=0.9),
    ),
    ((0.0, 0.0),),
    node=0,
    best=1,
)
# After a first word worth 1 the policy ends, or goes on to a second one worth .3; the end belongs to the segment before it.
ENDING = Game(
    "end at 1, or go on for .3",
    (sums([1.0], None, (0, 0), lengths=(2,)), sums([1.0, 0.3], None, (0, 1), None, lengths=(1, 2))),
    ((0.0, 0.0),),
    node=0,
    best=1,
)
GAMES = (LENGTHS, LATE, THREE, STEERING, PREFIX, ENDING)

# Three draws from one policy, worth the best of them: all rules are right, so that only their noise differs.
INDEPENDENT = Game(
    "three independent candidates",
    tuple(best_of([(0.2, 0.5, 1.0)[a] for a in drawn], *((0, a) for a in drawn)) for drawn in product(range(3), repeat=3)),
    ((0.0, 0.0, 0.0),),
    node=0,
    best=2,
)


def bias(game: Game, rule: Rule) -> float:
    """Cosine of what the first decision is taught and what it should be: 1 right, -1 the opposite."""
    steepest, given = game.gradient(game.logits)[game.node], taught(game, rule, game.logits)[0][game.node]
    return float(given @ steepest / (np.linalg.norm(given) * np.linalg.norm(steepest)))


def noise(game: Game, rule: Rule) -> float:
    """tr cov / |mean|^2 of the gradient of one group: how many groups it takes to see the mean."""
    mean, variance = taught(game, rule, game.logits)
    return variance / float((mean**2).sum())


def downhill(kind: str, games: int = 2000, seed: int = 0, ahead: bool = False) -> float:
    """How often a credit points against the gradient of E[max] for random policies of two candidates, each one of three.

    Rewards are uniform on [0, 1], logits normal with deviation 2. ahead: with reward to go.
    """
    draws, wrong = np.random.default_rng(seed), 0
    for _ in range(games):
        rewards, start = draws.random(3), draws.normal(scale=2.0, size=(4, 3))
        pairs = tuple(best_of(rewards[[a, b]].tolist(), (0, a), (1 + a, b)) for a, b in product(range(3), repeat=2))
        game = Game("random", pairs, tuple(map(tuple, start)), node=0, best=0)
        followed = np.zeros_like(game.logits)
        for chance, each, rows in zip(game.chances(game.logits), pairs, game.scores(game.logits), strict=True):
            credit = np.array(getattr(each, kind))
            each_token = np.repeat(credit[::-1].cumsum()[::-1] if ahead else credit, each.tokens)
            followed += chance * np.tensordot(each_token, rows, axes=1)
        wrong += bool((followed * game.gradient(game.logits)).sum() < 0)
    return wrong / games


def games_table() -> str:
    """What each rule teaches the first decision of each game, and its noise where all rules are right."""
    rows = [
        [name, *(f"{bias(game, rule):+.2f}" for game in GAMES), f"{noise(INDEPENDENT, rule):.1f}"]
        for name, rule in RULES.items()
    ]
    return table(["rule", *(game.name for game in GAMES), "noise"], rows)


def learnt_table() -> str:
    """The chance of the better first decision after training by exact gradients."""
    rows = [[name, *(f"{learnt(game, rule):.3f}" for game in GAMES)] for name, rule in RULES.items()]
    return table(["rule", *(game.name for game in GAMES)], rows)


def main() -> None:
    """Write docs/rules.md from its template."""
    argparse.ArgumentParser(
        description="Sum the gradients of all rules of credit in small games, which takes minutes, and "
        "write docs/rules.md from benchmarks/rules.md."
    ).parse_args()
    wrong = {kind: f"{downhill(kind):.2%}" for kind in ("shapley", "without")}
    parts = {"games": games_table().rstrip(), "learnt": learnt_table().rstrip(), **wrong}
    PAGE.write_text(Template(TEMPLATE.read_text(encoding="utf-8")).substitute(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
