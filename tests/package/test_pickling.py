"""Everything public goes to other processes and comes back with the same bits; copies are equal and their own."""

from __future__ import annotations

import asyncio
import copy
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import given, settings
from hypothesis import strategies as st
from shapley_credit import semivalues, utilities
from shapley_credit import utilities as u
from shapley_credit.blackbox.method_table import METHODS
from shapley_credit.blackbox.prefixes import Prefixes
from shapley_credit.testing.instances import instances

import askings
from askings import later, marked, size, squares

COPIES: dict[str, Callable[[Any], Any]] = {
    "pickle": lambda thing: pickle.loads(pickle.dumps(thing)),
    "old pickle": lambda thing: pickle.loads(pickle.dumps(thing, protocol=2)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}
copies = pytest.mark.parametrize("copied", COPIES.values(), ids=list(COPIES))

RULES = [
    semivalues.shapley,
    semivalues.banzhaf,
    semivalues.leave_one_out,
    semivalues.beta(2, 1),
    semivalues.beta(16, 1),
    semivalues.binomial(0.25),
    semivalues.of_size(2),
    semivalues.of_weights([1 / 3, 1 / 6, 1 / 3]),
    semivalues.Semivalue("one's own", semivalues.shapley.sizes, ignores_absent=False),
]
PLANS: list[Any] = [
    *(sc.plan(9, budget=600, method=name, seed=5) for name in METHODS),
    sc.plan([[0, 4, 2], [3, 1]], levels=(semivalues.beta(2, 1), semivalues.banzhaf)),
    sc.plan([[0, 4, [2, 5]], [3, 1, [6, 7]]], budget=60, seed=2),
    sc.plan([[0, 4, 2], [3, 1, 5]], budget=60, levels=(semivalues.shapley, semivalues.of_size(2)), method="arrival"),
]


# An object of each public class, and what public functions return that is no array.
EXAMPLES: dict[str, Callable[[Path], Any]] = {
    "Attribution": lambda folder: sc.attribute(["ann", "bob", "cyd"], len, unions=["a", "b", "a"]),
    "Cache": lambda folder: sc.Cache(folder / "answers.db", name="size", version="1"),
    "CoalitionTree": lambda folder: sc.CoalitionTree.from_nested([[0, 1], [2, [3, 4]]]),
    "Estimate": lambda folder: sc.plan(3).solve(np.arange(8)),
    "EvaluationError": lambda folder: sc.EvaluationError("message", (1,), np.arange(2), np.zeros(2), [(0, (1,))], {"a": 1.0}),
    "Explanation": lambda folder: sc.explain(u.Max([1.0, 3.0]), names=["a", "b"]),
    "InputError": lambda folder: sc.InputError("message"),
    "MissingExtraError": lambda folder: sc.MissingExtraError("message"),
    "Utility": lambda folder: 0.5 * u.Max([1.0, 3.0]) + u.NoisyOr([0.5, 0.25]),
    "aestimate": lambda folder: asyncio.run(sc.aestimate(later, 9, budget=40)),
    "batched": lambda folder: sc.batched(squares),
    "estimate": lambda folder: sc.estimate(size, 9, budget=40),
    "plan": lambda folder: sc.plan([[0, 4, 2], [3, 1, 5]], budget=40),
    "solve_plans": lambda folder: sc.solve_plans([sc.plan(3)], [np.arange(8)]),
}


@pytest.mark.parametrize("name", sc.__all__)
def test_every_public_name_and_what_it_makes(name: str, tmp_path: Path) -> None:
    thing = getattr(sc, name)
    if isinstance(thing, ModuleType):
        for part in (getattr(thing, part) for part in thing.__all__):
            assert pickle.loads(pickle.dumps(part)) is part
        return
    assert pickle.loads(pickle.dumps(thing)) is thing
    assert not isinstance(thing, type) or name in EXAMPLES, f"the class sc.{name} is new: EXAMPLES needs an object of it"
    if name in EXAMPLES:
        made = EXAMPLES[name](tmp_path)
        assert not isinstance(thing, type) or isinstance(made, thing)
        for copied in COPIES.values():
            assert_alike(copied(made), made)


def assert_alike(other: Any, made: Any) -> None:
    assert type(other) is type(made)
    if isinstance(made, sc.Cache):
        with other:
            made["from here"], other["from there"] = 1.0, 2.0
            assert dict(other) == dict(made) == {"from here": 1.0, "from there": 2.0}
            assert (other.path, other.name, other.version) == (made.path, made.name, made.version)
    elif isinstance(made, sc.Utility):
        assert repr(other) == repr(made)
        assert sc.set_shapley(other).tobytes() == sc.set_shapley(made).tobytes()
    elif isinstance(made, sc.Explanation):
        assert (other, str(other), other.empty) == (made, str(made), made.empty)
        assert_alike(other.utility, made.utility)
    elif isinstance(made, BaseException | sc.CoalitionTree):
        assert str(other) == str(made)
        np.testing.assert_equal(vars(other), vars(made))
    else:
        assert other == made


@copies
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_semivalues(rule: semivalues.Semivalue, copied: Callable[[Any], Any]) -> None:
    other = copied(rule)
    assert other.sizes(3).tobytes() == rule.sizes(3).tobytes()
    assert (repr(other), other.ignores_absent) == (repr(rule), rule.ignores_absent)
    if rule.name != "one's own":
        assert other == rule
        assert hash(other) == hash(rule)
    assert (other is rule) or rule not in (semivalues.shapley, semivalues.banzhaf, semivalues.leave_one_out)


def test_rules_that_differ_are_not_equal() -> None:
    assert semivalues.beta(2, 1) == semivalues.beta(2, 1)
    assert (
        len({*RULES, semivalues.beta(2, 1), semivalues.of_size(2), semivalues.beta(1, 2), semivalues.of_size(3)})
        == len(RULES) + 2
    )


@copies
@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: f"{plan.method}-{plan.structure.rules}")
def test_plans(plan: Any, copied: Callable[[Any], Any]) -> None:
    other = copied(plan)
    assert other == plan
    assert hash(other) == hash(plan)
    assert other.design is plan.design  # so that they are solved together
    assert other.coalitions.tobytes() == plan.coalitions.tobytes()
    assert repr(other) == repr(plan)
    values = np.random.default_rng(0).random((2, len(plan.coalitions)))
    if plan.method == "boosted":
        return
    one, two = plan.solve(values), other.solve(values)
    assert one.values.tobytes() == two.values.tobytes()
    assert one.stderr.tobytes() == two.stderr.tobytes()
    assert one == two
    if plan.method != "exact":
        assert other.extend(20).coalitions.tobytes() == plan.extend(20).coalitions.tobytes()


def test_a_plan_keeps_what_it_drew_whatever_another_version_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = sc.plan(9, budget=77, method="rotation", seed=8)
    drawn, pickled = plan.coalitions.tobytes(), pickle.dumps(plan)
    del plan  # which others of its kind would be taken from

    def refuse(*arguments: Any) -> Any:
        raise AssertionError("drawn anew")

    monkeypatch.setitem(METHODS, "rotation", METHODS["rotation"]._replace(design=refuse))
    assert pickle.loads(pickled).coalitions.tobytes() == drawn


def test_plans_that_differ_are_not_equal() -> None:
    plans = [*PLANS, sc.plan(9, budget=600, method="kriging", seed=6), sc.plan([[0, 1], [2]]), sc.plan([[0], [1, 2]])]
    assert len(set(plans)) == len(plans)
    assert sc.plan(9, budget=600, method="kriging", seed=5) in PLANS
    same = np.array_equal(sc.plan(5).coalitions, sc.plan(5, levels=[semivalues.banzhaf]).coalitions)
    assert same
    assert sc.plan(5) != sc.plan(5, levels=[semivalues.banzhaf])


def test_a_plan_that_another_process_has_solved_gives_the_same_bits(tmp_path: Path) -> None:
    plan, values = sc.plan([[0, 1, 2], [3, 4, 5]], budget=40, seed=3), np.random.default_rng(1).random(40)
    values = values[: len(plan.coalitions)]
    (tmp_path / "in").write_bytes(pickle.dumps((plan, values)))
    code = f"""
import pickle, pathlib
plan, values = pickle.loads(pathlib.Path({str(tmp_path / "in")!r}).read_bytes())
pathlib.Path({str(tmp_path / "out")!r}).write_bytes(pickle.dumps((plan, plan.solve(values))))
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    other, estimate = pickle.loads((tmp_path / "out").read_bytes())
    assert other == plan
    assert estimate == plan.solve(values)


@copies
def test_estimates(copied: Callable[[Any], Any]) -> None:
    calls: list[Any] = []

    def value(coalition: tuple[int, ...]) -> float:
        calls.append(coalition)
        return float(0 in coalition)

    estimate = sc.estimate(value, 9, budget=30)
    other = copied(estimate)
    assert other == estimate
    assert hash(other) == hash(estimate)
    assert other.values.tobytes() == estimate.values.tobytes()
    assert other.interval()[0].tobytes() == estimate.interval()[0].tobytes()
    assert estimate != sc.estimate(value, 9, budget=32)
    assert estimate != sc.estimate(value, 9, budget=30, seed=1)
    if copied in (COPIES["copy"], COPIES["deepcopy"]):
        asked = len(calls)
        assert other.extend(10) == estimate.extend(10)
        assert len(calls) == asked + 10
    else:
        with pytest.raises(sc.InputError, match="knows no utility to ask; extend the plan"):
            other.extend(10)


@copies
@pytest.mark.parametrize(
    "thing",
    [
        sc.CoalitionTree.from_labels([[0, 0, 1], [0, 1, 1]]),
        Prefixes((2, 0, 1)),
        sc.batched(squares),
        marked,
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_other_public_things(thing: Any, copied: Callable[[Any], Any]) -> None:
    other = copied(thing)
    assert str(other) == str(thing) or isinstance(thing, sc.batched)
    for name, value in vars(thing).items():
        np.testing.assert_equal(getattr(other, name), value)
    if isinstance(thing, Prefixes):
        assert other == thing
        assert other.coalitions.tobytes() == thing.coalitions.tobytes()
    if isinstance(thing, sc.batched):
        assert other == thing
        assert sc.set_shapley(other, 3).tolist() == [3.0, 3.0, 3.0]
        assert (other is thing) == (thing is marked)


def test_a_mark_that_took_the_name_of_its_function_is_the_same_elsewhere() -> None:
    assert pickle.loads(pickle.dumps(askings.marked)) is askings.marked


@pytest.mark.parametrize("name", utilities.__all__)
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_utilities(name: str, data: st.DataObject) -> None:
    utility = data.draw(instances(getattr(utilities, name), np.float64, 3)).utility
    game = 0.5 * utility + utility
    for copied in COPIES.values():
        for thing in (utility, game):
            other = copied(thing)
            assert repr(other) == repr(thing)
            assert sc.set_shapley(other).tobytes() == sc.set_shapley(thing).tobytes()
