"""A family without kernels is credited by all its values; a mistake in a family is told in its words, as early as can be."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import Utility, semivalues
from shapley_credit import utilities as u
from shapley_credit.inputs.fields import Field, Parameter, label, real
from shapley_credit.inputs.problems import Problem
from shapley_credit.testing import assert_credit, brute_force

from roles import ROLES, using

Array = Any
SCORES = np.array([[1.0, 4.0, 2.0, 7.0], [0.0, 0.0, 3.0, -1.0]])


class Gap(Utility):
    """v(S) = max s - min s, v(empty) = base."""

    fields: ClassVar[dict[str, Field | Parameter]] = {"scores": real("k", deferred=True), "base": real()}
    scores: Array
    base: Array

    def __init__(self, scores: Any, base: Any = 0.0, *, mask: Any = None) -> None:
        self.bind(mask, scores=scores, base=base)

    def definition(self, members: Array) -> float:
        return float(np.ptp(self.scores[members])) if len(members) else float(self.base)


class Kinds(Utility):
    """How many kinds there are, squared."""

    fields: ClassVar[dict[str, Field | Parameter]] = {"kinds": label("k")}
    kinds: Array

    def __init__(self, kinds: Any, *, mask: Any = None) -> None:
        self.bind(mask, kinds=kinds)

    def definition(self, members: Array) -> float:
        return float(len(set(self.kinds[members].tolist())) ** 2)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_every_value_is_that_of_a_family_with_kernels(role: str, dtype: Any) -> None:
    scores, unions = SCORES.astype(dtype), [[0, 3], [1, 2]]
    order = [2, 0, 3, 1]
    for mask in (None, [True, True, False, True], [[True] * 4, [False] * 4]):
        mine, known = Gap(scores, mask=mask), u.Range(scores, mask=mask)
        with using(role):
            ways: list[Callable[[Any], Any]] = [
                sc.set_shapley,
                lambda game: sc.set_semivalue(game, semivalues.banzhaf),
                lambda game: sc.owen(game, unions),
                lambda game: sc.owen(game, [[[0, 3], 1], [2]]),
                lambda game: sc.marginal_vector(game, order=order),
                sc.connected_shapley,
                lambda game: sc.set_shapley(2 * game - game / 4),
                sc.interactions,
            ]
            for value in ways:
                found = value(mine)
                assert found.dtype == dtype
                assert_credit(found, value(known), scale=8)


def test_rows_of_groups_and_labels() -> None:
    flat = sc.set_shapley(Gap(SCORES.ravel()), groups=[0, 0, 0, 0, 1, 1, 1, 1])
    assert_credit(flat.reshape(2, 4), sc.set_shapley(u.Range(SCORES)))
    assert_credit(sc.set_shapley(Kinds(["a", "b", "a"])), brute_force(lambda s: len({"aba"[i] for i in s}) ** 2, 3))
    assert sc.set_shapley(Gap(np.zeros((0, 3)))).shape == (0, 3)
    assert_credit(sc.explain(Gap(SCORES[0])).credit, sc.set_shapley(u.Range(SCORES[0])))


@pytest.mark.torch
def test_torch_tensors_come_back() -> None:
    import torch

    credit = sc.set_shapley(Gap(torch.tensor(SCORES, dtype=torch.float32)))
    assert credit.dtype == torch.float32
    assert_credit(credit, sc.set_shapley(u.Range(SCORES)))


def test_it_says_so() -> None:
    assert Gap.by_table
    assert repr(Gap([1.0, 2.0])) == "Gap(scores=float64[2], base=0; credited by all its values)"
    known = [getattr(u, name) for name in u.__all__]
    assert not any(family.by_table for family in known)
    assert "credited by" not in repr(u.Max([1.0]))
    assert Gap(np.zeros(10)).cost().operations < Gap(np.zeros(12)).cost().operations


def test_each_set_of_present_members_is_asked_for_once() -> None:
    asked: list[tuple[int, ...]] = []

    class Asking(Gap):
        def definition(self, members: Array) -> float:
            asked.append(tuple(members.tolist()))
            return super().definition(members)

    assert Asking.by_table
    sc.set_shapley(Asking([1.0, 2.0, 4.0], mask=[True, False, True]))
    assert sorted(asked) == [(), (0,), (0, 2), (2,)]


def test_many_members_are_refused_before_any_value() -> None:
    assert sc.set_shapley(Kinds(np.arange(16) // 8)).sum() == pytest.approx(4.0)
    ways: list[Callable[[Any], Any]] = [sc.set_shapley, sc.marginal_vector, lambda game: sc.owen(game, [list(range(17))])]
    for solve in ways:
        with pytest.raises(
            sc.InputError, match=r"Gap has no reduce, .* at most 16 members; got k = 17. Write Gap.reduce\(\), or est"
        ):
            solve(Gap(np.zeros(17)))
    with pytest.raises(sc.InputError, match=r"credits of Gap.* take about"):
        sc.set_shapley(Gap(np.zeros((1 << 20, 16))))


def test_values_that_are_no_numbers() -> None:
    with pytest.raises(sc.InputError, match=r"scores must be finite; found nan at \[1\]"):
        sc.set_shapley(Gap([1.0, np.nan]))
    for answer, told in ((np.nan, "returned nan"), (None, "must return one number; got None"), (np.inf, "returned inf")):
        game = family(definition=lambda self, members: answer if len(members) else 0.0)([1.0, 2.0])  # noqa: B023
        with pytest.raises(sc.InputError, match=rf"Own.definition {told} for members \(0,\)"):
            sc.set_shapley(game)


def test_a_float32_value_beyond_float32_is_kept() -> None:
    game = family(definition=lambda self, members: 2.0**130 * len(members) - 2.0**130 * (len(members) > 0))
    credit = sc.set_shapley(game(np.zeros(2, np.float32)) * 2.0**-100)
    assert credit.dtype == np.float32
    assert credit.tolist() == [2.0**29, 2.0**29]


# Mistakes.


def family(name: str = "Own", **parts: Any) -> Any:
    """A class of utilities with these parts, the others as they should be."""

    def made(self: Any, scores: Any, *, mask: Any = None) -> None:
        self.bind(mask, scores=scores)

    right = {"fields": {"scores": real("k")}, "__init__": made, "definition": lambda self, members: float(len(members))}
    return type(name, (Utility,), {key: part for key, part in (right | parts).items() if part is not None})


def not_bound(self: Any, scores: Any, *, mask: Any = None) -> None:
    self.scores = scores


DECLARED: list[tuple[str, dict[str, Any], str]] = [
    ("no definition", {"definition": None}, r"Own has no definition\(members\), the value of one set; give a base of families"),
    (
        "no constructor",
        {"__init__": None},
        r"Own has no __init__ that hands its arrays to bind: self.bind\(mask, scores=scores\); ",
    ),
    ("no fields", {"fields": {}}, r"fields of Own is empty; it must say what the arrays are, \{'scores': real\('k'\)\}"),
    ("a list", {"fields": ["scores"]}, r"fields of Own must map names to what they hold, .*; got \['scores'\]"),
    (
        "a word",
        {"fields": {"scores": "real"}},
        r"scores of Own must be declared by inputs.fields, as real\('k'\) is; got 'real'",
    ),
    (
        "a domain",
        {"fields": {"scores": Field("reel", ("k",))}},
        "scores of Own has the domain 'reel'; the domains are real, key",
    ),
    ("no members", {"fields": {"scores": real("K")}}, "no array of Own has an axis of members: one must be 'k', .* are 'K'"),
    ("numbers", {"fields": {"scores": real()}}, "no array of Own has an axis of members: .*; the axes are none"),
    ("a number", {"fields": {3: real("k")}}, "a field of Own is called 3; its name must be a string"),
    ("a name", {"fields": {"value": real("k")}}, "a field of Own is called 'value', which every utility has already"),
    ("k", {"fields": {"scores": real("k"), "k": real()}}, "a field of Own is called 'k', which every utility has already"),
]


@pytest.mark.parametrize(("parts", "message"), [case[1:] for case in DECLARED], ids=[case[0] for case in DECLARED])
def test_a_class_that_can_be_no_family_is_refused_when_it_is_made(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(sc.InputError, match=message):
        family(**parts)


MADE: list[tuple[str, dict[str, Any], Callable[[Any], Any], str]] = [
    ("no bind", {"__init__": not_bound}, sc.set_shapley, r"Own.__init__ has not called bind: self.bind\(mask, scores=scores\)"),
    ("no bind, a value", {"__init__": not_bound}, lambda game: game.value([0]), "Own.__init__ has not called bind"),
    ("no bind, a sum", {"__init__": not_bound}, lambda game: game + u.Max([1.0]), "Own.__init__ has not called bind"),
    (
        "a field left out",
        {"fields": {"scores": real("k"), "base": real()}},
        id,
        "bind was not given base, a field of Own; .* scores, base",
    ),
    (
        "no such field",
        {"fields": {"score": real("k")}},
        id,
        "bind was given scores, which is no field of Own; its fields are score",
    ),
    (
        "nothing",
        {"reduce": lambda self: None},
        sc.set_shapley,
        "Own.reduce must return a list of at least one .*Problem; got None",
    ),
    ("none", {"reduce": lambda self: []}, sc.set_shapley, r"Own.reduce must return .*; got \[\]"),
    ("arrays", {"reduce": lambda self: [self.scores]}, sc.set_shapley, "Own.reduce must return .*; got .array"),
    (
        "arrays, on a tree",
        {"reduce": lambda self: [self.scores]},
        lambda game: sc.owen(game, [[0], [1]]),
        "Own.reduce must return .*; got .array",
    ),
    (
        "no kernel",
        {"reduce": lambda self: [Problem("dividend", "additive", (self.scores,))]},
        sc.set_shapley,
        "there is no kernel dividend.additive for role",
    ),
    (
        "one group",
        {"reduce": lambda self: [Problem("dividends", "additive", (self.scores[:, None],))]},
        sc.set_shapley,
        "Own.reduce has credits of 1 members, but the utility has k = 2; its arrays must be",
    ),
]


@pytest.mark.parametrize(("parts", "use", "message"), [case[1:] for case in MADE], ids=[case[0] for case in MADE])
def test_a_mistake_is_told_where_it_is_first_seen(parts: dict[str, Any], use: Callable[[Any], Any], message: str) -> None:
    made = family(**parts)
    with pytest.raises(sc.InputError, match=message):
        use(made([1.0, 2.0]))


def test_a_definition_that_raises_or_must_be_awaited() -> None:
    def worst(self: Any, members: Any) -> float:
        return float(self.scores[members].min())

    async def later(self: Any, members: Any) -> float:
        return 0.0

    with pytest.raises(ValueError, match="zero-size array") as raised:
        sc.set_shapley(family(definition=worst)([1.0, 2.0]))
    assert raised.value.__notes__ == ["raised by Own.definition for members ()"]
    with pytest.raises(sc.InputError, match=r"Own\.definition is asynchronous, and must return a number at once"):
        sc.set_shapley(family(definition=later)([1.0, 2.0]))


def test_a_base_of_families_may_lack_any_part() -> None:
    base = family("_Base", definition=None, fields={})
    own: Any = type("Own", (base,), {"fields": {"scores": real("k")}, "definition": lambda self, members: float(len(members))})
    assert sc.set_shapley(own([3.0, 4.0])).tolist() == [1.0, 1.0]
    same: Any = type("Same", (own,), {})
    assert same.by_table
    quick: Any = type("Quick", (own,), {"reduce": lambda self: [Problem("dividends", "additive", (self.scores[None],))]})
    assert not quick.by_table


def test_other_attributes_are_missing_as_ever() -> None:
    game: Any = Gap([1.0, 2.0])
    with pytest.raises(AttributeError, match="'Gap' object has no attribute 'worth'"):
        game.worth  # noqa: B018
    assert not hasattr(game, "worth")
    assert_credit(sc.set_shapley(pickle.loads(pickle.dumps(game))), [0.5, 0.5])
