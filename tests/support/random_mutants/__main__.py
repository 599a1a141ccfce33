"""make mutants: change random lines of the library, one at a time, run the tests that touch them, and print what survives.

    PYTHONPATH=tests/support python -m random_mutants [--mutants 100] [--seed 1] [--workers 2]

First all tests run once under coverage, which takes long, so that of every line it is known which tests run it. A mutant that
passes a sample of them is run against all of them, for at most --limit seconds; what is still alive is printed as a diff.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from queue import Queue

from random_mutants.sites import Mutant, mutants_of
from random_mutants.touched import Touched
from random_mutants.tree import LIBRARY, ROOT, Tree

# Seconds of tests in a sample, and for what pytest itself takes.
SAMPLE_S, START_S = 20.0, 60.0
SURVIVED, UNTOUCHED = "survived", "run by no test"


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 1 if a mutant survived."""
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument("--mutants", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--limit", type=float, default=600.0, help="seconds for the tests of one mutant")
    parser.add_argument("--tests", nargs="*", default=[], help="test files, for a quick look; all by default")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as home:
        trees = [Tree(Path(home) / str(number)) for number in range(given.workers)]
        touched = measured(trees, given.tests)
        chosen = drawn(given.mutants, given.seed)
        alive = tried(chosen, trees, touched, given.limit)
    for mutant, outcome in alive:
        print(f"\n{outcome}: {mutant.path.relative_to(ROOT)}:{mutant.line}\n{mutant.diff()}")
    print(f"\n{len(chosen) - len(alive)} of {len(chosen)} mutants of seed {given.seed} were refused.")
    return int(bool(alive))


def measured(trees: Sequence[Tree], tests: Sequence[str]) -> Touched:
    """Run the tests once, dealt out to the trees, and see who runs what. Raises RuntimeError if none passes."""
    files = [str(path.relative_to(trees[0].root)) for path in trees[0].test_files() if not tests or path.name in tests]
    print(f"{len(files)} test files under coverage, once", flush=True)
    with ThreadPoolExecutor(len(trees)) as pool:
        printed = list(pool.map(lambda place: trees[place].covered(files[place :: len(trees)]), range(len(trees))))
    touched = Touched()
    for tree in trees:
        touched.read(tree.root, tree.site)
    if not touched.seconds:
        raise RuntimeError(f"no test passed:\n{printed[0].printed[-2000:]}")
    print(f"{len(touched.seconds):,} tests passed in {sum(touched.seconds.values()):.0f} s", flush=True)
    return touched


def drawn(count: int, seed: int) -> list[Mutant]:
    """Random lines of the library, one mutant of each."""
    by_line: dict[tuple[Path, int], list[Mutant]] = {}
    for path in sorted((ROOT / LIBRARY).rglob("*.py")):
        for mutant in mutants_of(path):
            by_line.setdefault((path, mutant.line), []).append(mutant)
    rng = random.Random(seed)
    lines = rng.sample(sorted(by_line), min(count, len(by_line)))
    return [rng.choice(by_line[line]) for line in lines]


def tried(chosen: Sequence[Mutant], trees: Sequence[Tree], touched: Touched, limit_s: float) -> list[tuple[Mutant, str]]:
    """The mutants that no test refuses."""
    free: Queue[Tree] = Queue()
    for tree in trees:
        free.put(tree)
    with ThreadPoolExecutor(len(trees)) as pool:
        outcomes = list(pool.map(partial(_try, free, touched, limit_s), chosen))
    return [(mutant, outcome) for mutant, outcome in zip(chosen, outcomes, strict=True) if outcome]


def _try(free: Queue[Tree], touched: Touched, limit_s: float, mutant: Mutant) -> str:
    """How a mutant lives on; '' if it is refused."""
    tree, name = free.get(), mutant.path.relative_to(ROOT)
    try:
        tree.write(name, mutant.after)
        outcome = judged(tree, touched, touched.tests(str(name), mutant.line), limit_s)
    finally:
        tree.write(name, mutant.before)
        free.put(tree)
    print(f"{outcome or 'refused'}: {name}:{mutant.line}\n", end="", flush=True)
    return outcome


def judged(tree: Tree, touched: Touched, tests: list[str], limit_s: float) -> str:
    """A sample of the tests, then all of them; what takes too long is refused, as a test that hangs is one that fails."""
    if not tests:
        return UNTOUCHED
    sample = touched.sample(tests, SAMPLE_S)
    if tree.run(sample, 5 * SAMPLE_S + START_S, "-x").status != 0:
        return ""
    rest = [test for test in tests if test not in set(sample)]
    if not rest:
        return SURVIVED
    outcome = tree.run(rest, limit_s, "-x")
    expected = 3 * sum(touched.seconds[test] for test in rest) + START_S
    if outcome.status is None and expected > limit_s:
        return f"survived {limit_s:g} s of tests"
    return "" if outcome.status != 0 else SURVIVED


if __name__ == "__main__":
    sys.exit(main())
