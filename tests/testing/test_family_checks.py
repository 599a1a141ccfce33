"""Families held to their definition: wrong ones are refused in words, right ones of any kind pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import strategies as st
from shapley_credit import Utility
from shapley_credit import utilities as u
from shapley_credit.inputs.fields import Field, Parameter, membership, nonnegative, real
from shapley_credit.inputs.problems import Problem
from shapley_credit.testing import check_utility, masks, scores, utilities

Array = Any


class Added(Utility):
    """v(S) = sum_{i in S} s_i, with its kernel: wrong versions of it follow."""

    fields: ClassVar[dict[str, Field | Parameter]] = {"scores": real("k")}
    scores: Array

    def __init__(self, scores: Any, *, mask: Any = None) -> None:
        self.bind(mask, scores=scores)

    def definition(self, members: Array) -> float:
        return float(self.scores[members].sum())

    def reduce(self) -> Sequence[Problem]:
        return [Problem("dividends", "additive", (self.rows("scores", full=True),))]


class Spread(Utility):
    """v(S) = max s - min s, v(empty) = base, which has no kernel."""

    fields: ClassVar[dict[str, Field | Parameter]] = {"scores": real("k"), "base": real()}
    scores: Array
    base: Array

    def __init__(self, scores: Any, base: Any = 0.0, *, mask: Any = None) -> None:
        self.bind(mask, scores=scores, base=base)

    def definition(self, members: Array) -> float:
        return float(np.ptp(self.scores[members])) if len(members) else float(self.base)


class Doubled(Added):
    def reduce(self) -> Sequence[Problem]:
        return [problem._replace(scale=2.0) for problem in super().reduce()]


class Largest(Added):
    def definition(self, members: Array) -> float:
        return float(self.scores[members].max(initial=0.0))


class MeanOfNone(Added):
    def definition(self, members: Array) -> float:
        return float(self.scores[members].mean())


class MaxOfNone(Added):
    def definition(self, members: Array) -> float:
        return float(max(self.scores[members]))


class Silent(Added):
    def definition(self, members: Array) -> float:
        return None  # type: ignore[return-value]


class Rows(Added):
    def definition(self, members: Array) -> float:
        return self.scores[members]  # type: ignore[no-any-return]


class NoProblem(Added):
    def reduce(self) -> Sequence[Problem]:
        return []


class NoKernel(Added):
    def reduce(self) -> Sequence[Problem]:
        return [Problem("dividends", "multiplied", (self.rows("scores"),))]


class OneMore(Added):
    def reduce(self) -> Sequence[Problem]:
        return [Problem("dividends", "additive", (self.rows("scores", full=True)[:, :1].repeat(self.k + 1, 1),))]


class AllCounted(Spread):
    """Divides by the number of all, absent ones included."""

    def definition(self, members: Array) -> float:
        return float(self.scores[members].sum() / self.k)


class Kept(Spread):
    """Keeps the sum of all groups' scores."""

    def __init__(self, scores: Any, base: Any = 0.0, *, mask: Any = None) -> None:
        super().__init__(scores, base, mask=mask)
        self.total = self.scores.sum()

    def definition(self, members: Array) -> float:
        return float(self.total * len(members))


class Sorter(Spread):
    """Sorts the caller's array."""

    def definition(self, members: Array) -> float:
        self.scores.sort()
        return super().definition(members)


class Clipped(Spread):
    """Refuses data that its fields allow."""

    def __init__(self, scores: Any, base: Any = 0.0, *, mask: Any = None) -> None:
        super().__init__(scores, base, mask=mask)
        if (self.scores < 0).any():
            raise ValueError("scores below 0")


class InFloat64(Added):
    """Converts its numbers."""

    def __init__(self, scores: Any, *, mask: Any = None) -> None:
        super().__init__(np.asarray(scores, np.float64), mask=mask)


# The family, and what is said first, on the line with its name.
WRONG: list[tuple[type[Utility], str]] = [
    (
        Doubled,
        (
            "the credits of reduce are not those of definition: member 0 gets 0.25 and should get 0.125: off by 0.125, allowed "
            "is 1.25e-10; 1 of 1 credits are off.\nof Doubled(scores=[0.125])\n"
            "coalition  v by definition\n(empty)                  0\n0                    0.125"
        ),
    ),
    (Largest, "the credits of reduce are not those of definition: member 0 gets -0.125 and should get 0: off by 0.125"),
    (MeanOfNone, "MeanOfNone.definition returned nan for members ()\nof MeanOfNone(scores=[0.0])"),
    (MaxOfNone, "definition([]) raised ValueError: max() "),
    (Silent, "Silent.definition must return one number; got None for members ()\nof Silent(scores=[0.0])"),
    (Rows, "Rows.definition must return one number; got array([], dtype=float64) for members ()\nof Rows(scores=[0.0])"),
    (NoProblem, "NoProblem.reduce must return a list of at least one inputs.problems.Problem; got []\nof"),
    (NoKernel, "there is no kernel dividends.multiplied for role "),
    (OneMore, "OneMore.reduce has credits of 2 members, but the utility has k = 1; its arrays must be [groups, k, ..]\nof"),
    (
        AllCounted,
        "absent members change the values of sets of the others, members numbered among those who are present\nof AllCounted(",
    ),
    (Kept, "the credits of group ("),
    (Sorter, "the array scores, which is the caller's, was written to\nof Sorter(scores=["),
    (
        Clipped,
        "making it raised ValueError: scores below 0\nof Clipped(scores=[",
    ),
    (InFloat64, "the credits of float32 data are float64\nof InFloat64(scores=[0.0])"),
]


@pytest.mark.parametrize(("family", "said"), WRONG, ids=[family.__name__ for family, _ in WRONG])
def test_wrong_families_are_refused_in_words(family: type[Utility], said: str) -> None:
    with pytest.raises(AssertionError) as refused:
        check_utility(family, examples=4 if family.by_table else 15)
    assert str(refused.value).startswith(f"{family.__name__}: {said}")


def test_a_wrong_batch_alone() -> None:
    """Groups that all get the credits of the first."""

    class First(Added):
        def reduce(self) -> Sequence[Problem]:
            rows = self.rows("scores", full=True)
            return [Problem("dividends", "additive", (np.repeat(rows[:1], len(rows), axis=0),))]

    with pytest.raises(AssertionError, match=r"First: the credits of group \(1,\) are not those of its data alone"):
        check_utility(First, examples=4)
    check_utility(st.builds(First, scores(2)), examples=2)


def test_wrong_values_of_one_group_alone() -> None:
    """A constant that is kept is in no credit, but in the values of a group that is cut out."""

    class Shifted(Added):
        def __init__(self, scores: Any, *, mask: Any = None) -> None:
            super().__init__(scores, mask=mask)
            self.shift = self.scores.sum()

        def definition(self, members: Array) -> float:
            return float(super().definition(members) + self.shift)

    with pytest.raises(AssertionError, match=r"Shifted: utility\[\d\] has other values than its data alone; keep noth"):
        check_utility(Shifted, examples=4)


def test_unions_alone() -> None:
    """A family whose reduction for members in unions is wrong."""

    class InUnions(Added):
        def reduce_unions(self) -> Sequence[Problem]:
            return [problem._replace(scale=1.0 + (self.k == 3)) for problem in self.reduce()]

    with pytest.raises(AssertionError, match=r"InUnions: the Owen values for the unions \[.*\] are not those of definition"):
        check_utility(InUnions, examples=4)


def test_other_semivalues_alone() -> None:
    """A kernel that is right for the Shapley value only: all members together are worth their sum, all other sets nothing."""

    class Complete(Added):
        def definition(self, members: Array) -> float:
            return float(self.scores.sum()) if len(members) == self.k else 0.0

        def reduce(self) -> Sequence[Problem]:
            even = self.rows("scores", full=True).mean(axis=1, keepdims=True)
            return [Problem("dividends", "additive", (even.repeat(self.k, 1),))]

    check_utility(st.builds(Complete, scores(2, extreme=False)), examples=2)
    with pytest.raises(
        AssertionError, match=r"utility: the Banzhaf values of reduce are not those of definition: member 0 gets 0\.04"
    ):
        check_utility(st.builds(Complete, scores(3, extreme=False)), examples=4)


@pytest.mark.parametrize(
    "family",
    [Added, Spread, u.Max, u.Typed, u.Moebius, u.MyersonPath, u.Table],
    ids=lambda family: family.__name__,
)
def test_right_families_pass(family: Any) -> None:
    check_utility(family, examples=1)


def test_utilities_and_strategies_of_them_pass() -> None:
    check_utility(Spread([[1.0, 4.0, 2.0], [0.0, 0.0, 3.0]], [1.0, 0.0], mask=[True, False, True]))
    check_utility(2 * u.Max([1.0, 4.0, 2.0]) - Spread([1.0, 4.0, 2.0]) / 2)
    check_utility(st.builds(Clipped, scores(3).map(np.abs)), examples=3)
    check_utility(utilities(3), examples=3)


def test_a_sum_with_a_wrong_term_is_refused() -> None:
    with pytest.raises(AssertionError, match=r"^Sum: the credits of reduce are not those of definition: member 1 gets 5"):
        check_utility(u.Max([1.0, 2.0]) + Doubled([0.0, 2.0]))


class Random(Spread):
    """Its definition draws a number, so that credits made of its values are not those of the next ones."""

    drawn = np.random.default_rng(0)

    def definition(self, members: Array) -> float:
        return float(self.drawn.normal())


def test_a_definition_that_changes_is_not_taken_for_a_wrong_reduce() -> None:
    with pytest.raises(
        AssertionError, match=r"^Random: definition returns other values when it is asked again, so that the credits "
    ):
        check_utility(Random([1.0, 2.0]), examples=1)


def test_a_base_that_sets_need_is_no_mistake() -> None:
    """A set that needs an absent member is never complete, and so not that of the others alone."""

    class Needs(Utility):
        fields: ClassVar[dict[str, Field | Parameter]] = {"needed": membership("k"), "worth": real()}
        needed: Array
        worth: Array

        def __init__(self, needed: Any, worth: Any, *, mask: Any = None) -> None:
            self.bind(mask, needed=needed, worth=worth)

        def definition(self, members: Array) -> float:
            return float(self.worth) if np.isin(np.flatnonzero(self.needed), members).all() else 0.0

    check_utility(Needs, examples=5)
    assert sc.set_shapley(Needs([True, True], 2.0, mask=[True, False])).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda: 3, "check_utility takes a class of utilities, a utility, or a strategy of them; got 3"),
        (lambda: int, "check_utility takes a class of utilities"),
        (lambda: Utility, "Utility does not take mask by name"),
        (lambda: u.Max(np.zeros(11)), "check_utility takes utilities of at most 10 members"),
        (lambda: u.Max(np.zeros((0, 3))), "check_utility takes utilities of one group or more"),
        (lambda: st.just(3), "the strategy must draw utilities; it drew 3"),
    ],
    ids=["number", "class", "base", "large", "no group", "strategy"],
)
def test_what_it_cannot_check_it_refuses(given: Callable[[], Any], message: str) -> None:
    with pytest.raises(sc.InputError, match=message):
        check_utility(given())


class ByNumber(Spread):
    """Charges for members 0 and 1 together, whoever they are when members before them are absent."""

    def definition(self, members: Array) -> float:
        return float(self.scores[members].sum()) - (0.5 if 0 in members and 1 in members else 0.0)


MOVED = "absent members change the values of sets of the others, members numbered among those who are present"


def test_no_number_of_examples_lets_absent_members_through() -> None:
    for examples in (1, 3, 10):
        with pytest.raises(AssertionError) as refused:
            check_utility(ByNumber, examples=examples)
        assert str(refused.value).startswith(
            f"ByNumber: {MOVED}\nof ByNumber(scores=[0.0, 0.0, 0.0], base=0.0, mask=[False, True, True])"
        )


@pytest.mark.parametrize(
    "given",
    [AllCounted([1.0, 2.0, 3.0], mask=[True, True, False]), st.builds(AllCounted, scores(3), mask=masks(3))],
    ids=["utility", "strategy"],
)
def test_absent_members_of_utilities_that_are_given(given: Any) -> None:
    with pytest.raises(AssertionError, match=MOVED):
        check_utility(given)
    check_utility(AllCounted([1.0, 2.0, 3.0]))


def test_numbers_of_0_or_more_are_a_domain() -> None:
    class Root(Added):
        fields: ClassVar[dict[str, Field | Parameter]] = {"scores": nonnegative("k")}

        def definition(self, members: Array) -> float:
            return float(np.sqrt(self.scores[members].sum()))

        reduce = Utility.reduce

    check_utility(Root)
    assert sc.set_shapley(Root([4.0, -1.0], mask=[True, False])).tolist() == [2.0, 0.0]
    for bad in (-1.0, np.nan, np.inf):
        with pytest.raises(sc.InputError, match=r"scores must be (0 or more|finite); found"):
            Root([4.0, bad])
    assert sc.set_shapley(Root(np.array([4, 0], np.uint8))).tolist() == [2.0, 0.0]
