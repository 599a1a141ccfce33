"""Utilities as text: what it says is what is made, and nothing else can be said."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
from hypothesis import given
from hypothesis import strategies as st
from shapley_credit import utilities as u
from shapley_credit.rollouts.expression import LONGEST, read_expression

COLUMNS: dict[str, Any] = {
    "reward": np.array([1.0, 4.0, 2.0]),
    "base": np.array([0.5, 0.5, 0.5]),
    "final answer": np.array([7, 7, 9]),
    "ok": np.array([True, True, False]),
    "größe": np.array([3.0, 2.0, 1.0], np.float32),
}


def same(one: sc.Utility, other: sc.Utility) -> bool:
    return repr(one) == repr(other) and np.array_equal(sc.set_shapley(one), sc.set_shapley(other))


@pytest.mark.parametrize(
    ("text", "columns", "made"),
    [
        ("Max(reward)", ["reward"], lambda c: u.Max(c["reward"])),
        (
            "0.7 * Max(reward) + 0.3 * DistinctCount('final answer')",
            ["reward", "final answer"],
            lambda c: 0.7 * u.Max(c["reward"]) + 0.3 * u.DistinctCount(c["final answer"]),
        ),
        ("Max(base=0.5, scores=größe, mask=ok)", ["größe", "ok"], lambda c: u.Max(c["größe"], 0.5, mask=c["ok"])),
        ("Max(mask=ok, scores=reward)", ["ok", "reward"], lambda c: u.Max(c["reward"], mask=c["ok"])),
        ("Max(reward, clip=True)", ["reward"], lambda c: u.Max(c["reward"], clip=True)),
        ("DCG.rbp(reward, 1 / 2)", ["reward"], lambda c: u.DCG.rbp(c["reward"], 0.5)),
        ("LStatistic.median(reward, low=True)", ["reward"], lambda c: u.LStatistic.median(c["reward"], low=True)),
        ("TopM(reward, 2, mask=None)", ["reward"], lambda c: u.TopM(c["reward"], 2)),
        ("-Max(reward)", ["reward"], lambda c: -u.Max(c["reward"])),
        ("+Max(reward)", ["reward"], lambda c: u.Max(c["reward"])),
        ("Max(reward, -2)", ["reward"], lambda c: u.Max(c["reward"], -2)),
        ("Mean(reward) / 4", ["reward"], lambda c: u.Mean(c["reward"]) / 4),
        ("2 * (Max(reward) - Mean(größe)) * 3", ["reward", "größe"], lambda c: 6 * u.Max(c["reward"]) - 6 * u.Mean(c["größe"])),
        ("(1 - .5) * Max(reward)\n  - -Mean(reward)", ["reward"], lambda c: 0.5 * u.Max(c["reward"]) + u.Mean(c["reward"])),
        (
            "Plurality('final answer', 7, ties='shared')",
            ["final answer"],
            lambda c: u.Plurality(c["final answer"], 7, ties="shared"),
        ),
    ],
)
def test_text_makes_the_utility_that_it_says(text: str, columns: list[str], made: Any) -> None:
    expression = read_expression(text)
    assert list(expression.columns) == columns
    assert same(expression.utility(COLUMNS), made(COLUMNS))


def test_one_term_is_its_family_and_text_comes_back() -> None:
    expression = read_expression("  Max(reward) ")
    assert type(expression.utility(COLUMNS)) is u.Max
    assert str(expression) == "Max(reward)"
    again = pickle.loads(pickle.dumps(expression))
    assert again == expression
    assert same(again.utility(COLUMNS), expression.utility(COLUMNS))


@pytest.mark.parametrize("family", sorted(set(u.__all__) - {"Typed"}))
def test_every_family_can_be_written(family: str) -> None:
    """Typed is made of numbers of kinds, which are no columns."""
    with pytest.raises(sc.InputError, match=f"{family} takes "):
        read_expression(f"{family}()")


REFUSED = {
    "max(reward)": "'max' at character 1 of the utility: there is no such utility; did you mean Max?",
    "distinct_count(a)": "did you mean DistinctCount?",
    "u.Max(reward)": "did you mean Max?",
    "DCG.rpb(reward, 0.5)": "did you mean DCG.rbp?",
    "Max(reward, bse=1)": "unexpected keyword argument 'bse'; Max takes scores, base, clip, mask.",
    "Max()": "missing a required argument: 'scores'",
    "Max(a, b, True, c)": "too many positional arguments",
    "Max(a, scores=b)": "multiple values for argument 'scores'",
    "Max(a, base=1, base=2)": "a keyword is given twice",
    "Max(a, **b)": "Max takes scores",
    "Max(*a)": "'*a' at character 5",
    "reward": "a name alone has no worth",
    "0.5 * 'é' + Max(r)": "\"'é'\" at character 7",
    "é": "at character 1 of the utility: a name alone",
    "3": "'3' is a number; a utility is needed",
    "-(1 + 2)": "is a number",
    "Max(r) + 1": "utilities are added to utilities",
    "2 / Max(r)": "utilities are added to utilities",
    "Max(r) * Max(r)": "utilities are added to utilities",
    "Max(Max(r))": "'Max(r)' at character 5 of the utility: a utility can't stand inside another.",
    "Max(r, clip=0)": "clip of Max must be bool",
    "TopM(r, 2.5)": "m of TopM must be int",
    "TopM(r, True)": "m of TopM must be int",
    "TopM(r, n)": "m of TopM is one for all rows, int, and can't be a column",
    "DCG.rbp(r, 'p')": "persistence of DCG.rbp must be float",
    "Plurality(a, b, ties=shared)": "ties of Plurality is one for all rows, str",
    "LStatistic.of_sizes(r, 3)": "there is no such utility",
    "1 / 0 * Max(r)": "'1 / 0' at character 1 of the utility: this is no finite number.",
    "Max(r) / 0": "no finite number",
    "1e400 * Max(r)": "no finite number",
    "1e200 * 1e200 * Max(r)": "no finite number",
    "1e200 * (1e200 * Max(r))": "no finite number",
    f"Max(r, 1{'0' * 400})": "no finite number",
    f"{'9' * 5000} * Max(r)": "can't be read",
    "Max(r) ** 2": "only utilities of columns, numbers",
    "Max(r) @ 2": "only utilities of columns, numbers",
    "Max(r) if r else Max(s)": "only utilities of columns, numbers",
    "(lambda: 1)()": "only utilities of columns, numbers",
    "[r for r in s]": "only utilities of columns, numbers",
    "Max(r[0])": "'r[0]' at character 5",
    "Max(r.x)": "'r.x' at character 5",
    "Max(f'{r}')": "only utilities of columns, numbers",
    "Max(r := s)": "only utilities of columns, numbers",
    "Max(r) * 1j": "'1j' at character 10",
    "Max(é) * 1j": "'1j' at character 10",
    "True * Max(r)": "'True' at character 1",
    "Max(r)(r)": "only utilities of columns, numbers",
    "__import__('os').system('true')": "there is no such utility",
    "Max.__class__(r)": "there is no such utility",
    "Max.bind(r)": "there is no such utility",
    "Max(r": "at character 4: '(' was never closed",
    "Max(r); Mean(r)": "at character 7: invalid syntax",
    "Max(r)\0": "can't be read",
    "Max(r)\udc80": "can't be read",
    " ": "takes 1 to 10,000 characters; got 0",
    "-" * LONGEST + "Max(r)": "got 10,006",
    "-" * 5000 + "Max(r)": "nested",
    "(" * 300 + "Max(r)" + ")" * 300: "too many nested parentheses",
    "Max(r)" + " + Max(r)" * 150: "more than 100 levels deep",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: ascii(text[:24]))
def test_anything_else_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(sc.InputError) as caught:
        read_expression(text)
    told = str(caught.value)
    assert REFUSED[text] in told or (REFUSED[text] == "nested" and "recursion" in told)
    assert len(told) < 1200
    assert "\n" not in told


def test_a_column_that_is_not_there_is_answered_with_the_nearest() -> None:
    with pytest.raises(sc.InputError, match=r"no column 'Rewards', which 'Max\(Rewards\)' needs; did you mean reward\?"):
        read_expression("Max(Rewards)").utility(COLUMNS)
    with pytest.raises(sc.InputError, match=r"no column 'xyz'.*; there are base, final answer, größe, ok, reward\."):
        read_expression("Max(xyz)").utility(COLUMNS)


def test_only_text_is_read() -> None:
    with pytest.raises(sc.InputError, match="must be a string; got 3"):
        read_expression(3)  # type: ignore[arg-type]


WORDS = "Max DCG.rbp Mean ( ) , = base * + - / 1 0.5 reward ' True . [ é".split()  # noqa: SIM905 - as a list it is too long


@given(st.lists(st.sampled_from(WORDS), max_size=12).map("".join) | st.text(max_size=12))
def test_random_text_is_read_or_refused(text: str) -> None:
    try:
        expression = read_expression(text)
    except sc.InputError as error:
        assert str(error)  # noqa: PT017 - either is right
        return
    assert read_expression(str(expression)) == expression
    assert expression.terms
