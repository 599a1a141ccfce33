"""Utilities written as text, `0.7 * Max(reward) + 0.3 * DistinctCount(answer)`, in the library's own words; never evaluated."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from inspect import Signature, signature
from typing import Any

from shapley_credit import utilities
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import shown, text_of
from shapley_credit.linear import Sum
from shapley_credit.utility import Utility

# What people write is far below.
LONGEST, DEEPEST = 10_000, 100

# What a parameter takes by its annotation. `Any` is an array of the utility, one entry a row, or a number for all rows.
_TAKES: dict[str, tuple[type, ...]] = {
    "Any": (int, float, bool, type(None)),
    "bool": (bool,),
    "float": (int, float),
    "int": (int,),
    "int | None": (int, type(None)),
    "str": (str,),
}
_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


@dataclass(frozen=True)
class Column:
    """The place of a column in an expression."""

    name: str


@dataclass(frozen=True)
class Call:
    """A utility, or a constructor of one (`DCG.rbp`), with its arguments by the names of its parameters."""

    maker: str
    arguments: tuple[tuple[str, Any], ...]

    def utility(self, columns: Mapping[str, Any]) -> Utility:
        """The utility, its columns filled in."""
        filled = {name: columns[value.name] if isinstance(value, Column) else value for name, value in self.arguments}
        made: Utility = operator.attrgetter(self.maker)(utilities)(**filled)
        return made


Terms = tuple[tuple[float, Call], ...]
Value = float | Terms  # of a part of an expression


@dataclass(frozen=True)
class Expression:
    """A weighted sum of utilities of columns, as `read_expression` reads it.

    Attributes:
        text: what was read; str() gives it back.
        columns: names of the columns, in order of first appearance.
        terms: pairs of a weight and a call.
    """

    text: str
    columns: tuple[str, ...]
    terms: Terms

    def utility(self, columns: Mapping[str, Any]) -> Utility:
        """The utility of these columns, arrays with one entry a row, by name.

        Raises InputError for a column that is not there, naming the nearest one, and as the utilities do.

        >>> from shapley_credit.rollouts.expression import read_expression
        >>> read_expression("2 * Max(reward) - Mean(reward)").utility({"reward": [1.0, 3.0]}).value((0, 1))
        4.0
        """
        for name in self.columns:
            if name not in columns:
                raise InputError(f"there is no column {name!r}, which {self.text!r} needs{nearest(name, columns)}")
        (weight, first), *others = self.terms
        if weight == 1 and not others:
            return first.utility(columns)
        return Sum([(weight, call.utility(columns)) for weight, call in self.terms])

    def __str__(self) -> str:
        return self.text


def read_expression(text: str) -> Expression:
    """Read a weighted sum of utilities of columns from a text.

        0.7 * Max(reward) + 0.3 * DistinctCount(answer)

    text: names of `shapley_credit.utilities` and their constructors (`LStatistic.median`), called with columns (bare names, or
        quoted strings for what is no identifier), numbers, True, False and None, by place or by keyword; added, subtracted, and
        multiplied and divided by numbers. A parameter such as ties takes its quoted word. The text is parsed, never evaluated.

    Returns an `Expression`, which can be pickled. Cost O(length of the text), at most 10,000 characters and 100 levels deep.
    Raises InputError that names the place in the text: for unknown names, with the nearest known one, for arguments that do not
        fit, and for anything else that Python could write.

    >>> from shapley_credit.rollouts.expression import read_expression
    >>> read_expression("0.7 * Max(reward) + 0.3 * DistinctCount('final answer')").columns
    ('reward', 'final answer')
    """
    line = text_of(text, "a utility that is written as text").replace("\r", " ").replace("\n", " ").strip()
    reader = _Reader(line, {})
    if isinstance(terms := reader.value(_parsed(line)), tuple):
        return Expression(line, tuple(reader.columns), terms)
    raise InputError(f"{shown(line)} is a number; a utility is needed, such as Max(reward).")


def _parsed(line: str) -> ast.expr:
    if not line or len(line) > LONGEST:
        raise InputError(f"a utility such as Max(reward) takes 1 to {LONGEST:,} characters; got {len(line):,}.")
    try:
        tree = ast.parse(line, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        place = f" at character {error.offset}" if isinstance(error, SyntaxError) and error.offset else ""
        why = error.msg if isinstance(error, SyntaxError) else str(error) or "it is nested too deeply"
        raise InputError(f"{shown(line)} can't be read{place}: {why}. Write it as 0.7 * Max(reward) + Mean(score).") from error
    level: list[ast.AST] = [tree]
    for _ in range(DEEPEST):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    if level:
        raise InputError(f"{shown(line)} is nested more than {DEEPEST} levels deep, or adds up more terms than that.")
    return tree


@lru_cache(maxsize=1)
def _makers() -> dict[str, Signature]:
    """Every utility and constructor that text can call, and what it takes."""
    found = {}
    for name in utilities.__all__:
        family = getattr(utilities, name)
        constructors = [other for other, made in vars(family).items() if isinstance(made, classmethod) and other[0] != "_"]
        for maker in (name, *(f"{name}.{other}" for other in constructors)):
            takes = signature(operator.attrgetter(maker)(utilities))
            # Functions can't be written as text.
            if not any("Callable" in each.annotation for each in takes.parameters.values()):
                found[maker] = takes
    return found


@dataclass(frozen=True)
class _Reader:
    """The line that is read, and the columns found in it so far, in order."""

    line: str
    columns: dict[str, None]

    def error(self, node: ast.expr, why: str) -> InputError:
        start = len(self.line.encode()[: node.col_offset].decode()) + 1
        part = ast.get_source_segment(self.line, node) or ""
        return InputError(f"{shown(part)} at character {start} of the utility: {why}")

    def value(self, node: ast.expr) -> Value:
        """A number, or a weighted sum of utilities."""
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return self.number(node, operator.pos, number)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=inner):
                return self.scaled(node, self.value(inner), -1 if isinstance(sign, ast.USub) else 1)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                return self.combined(node, self.value(left), type(op), self.value(right))
            case ast.Call(func=ast.Name() | ast.Attribute() as function):
                return ((1, self.call(node, ast.unparse(function))),)
            case ast.Name() | ast.Constant(value=str()):
                raise self.error(node, "a name alone has no worth. Say which utility of which column is meant: Max(reward).")
        raise self.error(node, "only utilities of columns, numbers, + - * / and parentheses can be written here.")

    def combined(self, node: ast.expr, left: Value, op: type[ast.operator], right: Value) -> Value:
        if not isinstance(left, tuple) and not isinstance(right, tuple):
            return self.number(node, _OPERATORS[op], left, right)
        if op is ast.Mult and not (isinstance(left, tuple) and isinstance(right, tuple)):
            return self.scaled(node, left, right) if isinstance(left, tuple) else self.scaled(node, right, left)
        if op is ast.Div and not isinstance(right, tuple):
            return self.scaled(node, left, self.number(node, operator.truediv, 1, right))
        if op in (ast.Add, ast.Sub) and isinstance(left, tuple) and isinstance(right, tuple):
            return (*left, *(right if op is ast.Add else self.terms(node, right, -1)))
        raise self.error(node, "utilities are added to utilities, and multiplied or divided by numbers.")

    def scaled(self, node: ast.expr, value: Value, factor: Any) -> Value:
        if not isinstance(value, tuple):
            return self.number(node, operator.mul, value, factor)
        return self.terms(node, value, factor)

    def terms(self, node: ast.expr, terms: Terms, factor: Any) -> Terms:
        return tuple((self.number(node, operator.mul, weight, factor), call) for weight, call in terms)

    def number(self, node: ast.expr, operation: Callable[..., Any], *operands: float) -> float:
        with suppress(ArithmeticError):
            result: float = operation(*operands)
            if math.isfinite(result):
                return result
        raise self.error(node, "this is no finite number.")

    def call(self, node: ast.Call, maker: str) -> Call:
        if maker not in _makers():
            raise self.error(node.func, f"there is no such utility{nearest(maker, _makers())}")
        takes = _makers()[maker]
        named = {str(each.arg): each.value for each in node.keywords}
        listed = f"{maker} takes {', '.join(takes.parameters)}."
        if len(named) < len(node.keywords):
            raise self.error(node, f"a keyword is given twice; {listed}")
        try:
            given = takes.bind(*node.args, **named).arguments
        except TypeError as error:
            raise self.error(node, f"{error}; {listed}") from error
        inside = sorted(given.items(), key=lambda pair: pair[1].col_offset)  # columns appear in the order of the text
        kinds = {name: takes.parameters[name].annotation for name in given}
        return Call(maker, tuple((name, self.argument(each, f"{name} of {maker}", kinds[name])) for name, each in inside))

    def argument(self, node: ast.expr, told: str, kind: str) -> Any:
        value: Any
        match node:
            case ast.Name(id=column) | ast.Constant(value=str(column)) if kind == "Any":
                self.columns.setdefault(column)
                return Column(column)
            case ast.Name():
                raise self.error(node, f"{told} is one for all rows, {kind}, and can't be a column.")
            case ast.Constant(value=bool() | str() | None as value):
                pass
            case _:
                value = self.value(node)
        if type(value) not in _TAKES.get(kind, ()):
            why = "a utility can't stand inside another." if isinstance(value, tuple) else f"{told} must be {kind}."
            raise self.error(node, why)
        return value


def nearest(name: str, known: Iterable[Any]) -> str:
    """The end of a sentence about an unknown name: the known one that it looks like, or all of them."""
    names = {str(each).casefold().replace("_", ""): str(each) for each in known}
    close = get_close_matches(name.casefold().replace("_", ""), names, n=1)
    there = "there is" if len(names) == 1 else "there are"
    return f"; did you mean {names[close[0]]}?" if close else f"; {there} {', '.join(sorted(names.values()))}."
