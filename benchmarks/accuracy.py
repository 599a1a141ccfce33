"""Every family's largest error as its data come, moved by 1e6, and times 1e-30 and 1e30; writes docs/accuracy.md.

    make docs

Truth is brute force in fractions over all coalitions of six members, for the Shapley, Owen, Winter, Banzhaf and Banzhaf-Owen
values of random data; an error is relative to max |v(S) - v(empty)|.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import shapley_credit as sc
from benchmarks.families import families, instance
from benchmarks.markdown import table
from shapley_credit import semivalues
from shapley_credit.inputs.fields import UNBOUNDED, Field
from shapley_credit.testing import oracle

from fuzzing.draws import MOVED
from fuzzing.exact import MOVED_BY_BASE, Game, exactly, game_of

ROOT = Path(__file__).parent.parent
K = 6
PARTITION = [[0, 1, 2], [3, 4], [5]]
NESTED: list[Any] = [[[0, 1], 2], [3, [4, 5]]]
BANZHAF = [Fraction(1, 32)] * K


class Value(NamedTuple):
    """A value by the library and by its definition."""

    solve: Callable[[sc.Utility], Any]
    truth: Callable[[Game], list[Fraction]]


def _banzhaf(size: int) -> list[Fraction]:
    return [Fraction(1, 1 << (size - 1))] * size


VALUES = (
    Value(sc.set_shapley, lambda game: oracle.semivalue(game, K, oracle.shapley_weights(K))),
    Value(lambda game: sc.owen(game, PARTITION), lambda game: oracle.owen(game, PARTITION, K)),
    Value(lambda game: sc.owen(game, NESTED), lambda game: oracle.winter(game, NESTED, K)),
    Value(lambda game: sc.set_semivalue(game, semivalues.banzhaf), lambda game: oracle.semivalue(game, K, BANZHAF)),
    Value(
        lambda game: sc.owen(game, PARTITION, levels=(semivalues.banzhaf, semivalues.banzhaf)),
        lambda game: oracle.owen(game, PARTITION, K, _banzhaf, _banzhaf),
    ),
)


class Setting(NamedTuple):
    """How data are moved: their factor, and what is added to those fields that may have a number in common."""

    name: str
    factor: float = 1.0
    offset: float = 0.0


SETTINGS = (Setting("as drawn"), Setting("+ 1e6", offset=1e6), Setting("x 1e-30", factor=1e-30), Setting("x 1e30", factor=1e30))


def moved(family: type[sc.Utility], setting: Setting, seed: int) -> sc.Utility | None:
    """A random utility in a setting; None where no field of the family can be moved so."""
    utility = instance(family, K, np.random.default_rng(seed))
    reals = [name for name, spec in family.fields.items() if isinstance(spec, Field) and spec.domain in UNBOUNDED]
    named = MOVED.get(family.__name__, ()) if setting.offset else reals if setting.factor != 1 else ("",)
    data = {name: value for name in family.fields if (value := getattr(utility, name)) is not None}
    data |= {name: np.asarray(data[name]) * setting.factor + setting.offset for name in named if name in data}
    make: Any = family
    return make(**data) if named else None


def largest(utility: sc.Utility) -> float:
    """The largest error of the values, relative to max |v(S) - v(empty)|; 1 more where values hold ln |S|."""
    game = game_of(exactly(utility))
    sets = [tuple(i for i in range(K) if code >> i & 1) for code in range(1 << K)]
    size = max(abs(game(members) - game(())) for members in sets) + (type(utility).__name__ in MOVED_BY_BASE)
    return max(
        float(abs(Fraction(found) - wanted) / size)
        for value in VALUES
        for found, wanted in zip(np.asarray(value.solve(utility)).tolist(), value.truth(game), strict=True)
    )


def cell(family: type[sc.Utility], setting: Setting, draws: int) -> str:
    """The largest error of a family in a setting; a dash where it has none, `refused` where the library says why."""
    try:
        found = [largest(utility) for seed in range(draws) if (utility := moved(family, setting, seed)) is not None]
    except sc.InputError:
        return "refused"
    return f"{max(found):.0e}" if found else "-"


def rows(draws: int) -> list[list[str]]:
    """The table."""
    return [[f"`{family.__name__}`", *(cell(family, each, draws) for each in SETTINGS)] for family in families()]


def worst(found: list[list[str]]) -> str:
    """The largest figure of the table."""
    return max((cell for _, *cells in found for cell in cells if cell != "-"), key=float)


def main() -> None:
    parser = argparse.ArgumentParser(description="Hold every family to brute force in fractions and write docs/accuracy.md.")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "accuracy.md")
    parser.add_argument("--draws", type=int, default=4, help="random utilities of a family in each setting")
    given = parser.parse_args()
    found = rows(given.draws)
    text = f"""# How exact the values are

Every family keeps its digits when its data have a large number in common and when they are tiny or huge. Errors are relative to
max |v(S) - v(empty)|, in float64, where 2e-16 is one rounding; the largest in the table is {worst(found)}.
`LogSumExp` and `LogMeanExp` are the exceptions: their values hold ln |S|, so that their errors are relative to
1 + max |v(S) - v(empty)|.

Each figure is the largest of {given.draws} random utilities of {K} members and of five values: Shapley, Owen, Winter, Banzhaf,
Banzhaf-Owen. Truth is brute force over all coalitions in fractions. "+ 1e6" adds a million to all data that may have a number
in common. "x 1e-30" and "x 1e30" multiply all data that have units. A dash stands where a family has no such data, or where the
shift also moves what members add, as in `Additive` and `TopM`. Errors in [families.md](families.md) are relative to
max |v|. `make docs` writes this page.

"""
    header = ["family", *(each.name for each in SETTINGS)]
    given.out.write_text(text + table(header, found), encoding="utf-8")


if __name__ == "__main__":
    main()
