"""Places in Python source where one small change makes a mutant, and the change."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path


@dataclass(frozen=True)
class Mutant:
    """A file, a line and the whole file with one expression or statement replaced."""

    path: Path
    line: int
    before: str
    after: str

    def diff(self) -> str:
        """What was changed, line by line."""
        lines = unified_diff(self.before.splitlines(), self.after.splitlines(), lineterm="", n=0)
        return "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@")))


SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.And: ast.Or,
    ast.Or: ast.And,
}


def mutants_of(path: Path) -> list[Mutant]:
    """All of a file, in the order of its lines."""
    source = path.read_text()
    lines = source.splitlines(keepends=True)
    found = []
    for node in _sites(ast.parse(source)):
        for changed in _changes(node):
            after = _replaced(lines, node, changed)
            if after != source and _is_python(after):
                found.append(Mutant(path, node.lineno, source, after))
    return found


# What tells users, type checkers and people something, and computes nothing.
_UNSEEN = (ast.JoinedStr, ast.Import, ast.ImportFrom)


def _sites(node: ast.AST) -> Iterator[ast.expr | ast.stmt]:
    """Expressions and statements, those of annotations, decorators, messages and representations left out."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, _UNSEEN) or _is_apart(child):
                continue
            if isinstance(child, ast.expr | ast.stmt):
                yield child
            if not isinstance(child, ast.Raise):
                yield from _sites(child)


def _is_apart(node: ast.AST) -> bool:
    if isinstance(node, ast.FunctionDef):
        return node.name == "__repr__"
    if isinstance(node, ast.If):
        return "TYPE_CHECKING" in ast.unparse(node.test)
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).startswith("__")


def _changes(node: ast.expr | ast.stmt) -> Iterator[str]:
    """The texts that may stand in the place of a node."""
    for kind, change in CHANGES.items():
        if isinstance(node, kind):
            yield from change(node)


def _compared(node: ast.Compare) -> Iterator[str]:
    yield ast.unparse(ast.Compare(node.left, [SWAPS[type(node.ops[0])](), *node.ops[1:]], node.comparators))  # type: ignore[list-item]


def _computed(node: ast.BinOp) -> Iterator[str]:
    if type(node.op) in SWAPS:
        yield f"({ast.unparse(ast.BinOp(node.left, SWAPS[type(node.op)](), node.right))})"  # type: ignore[arg-type]


def _joined(node: ast.BoolOp) -> Iterator[str]:
    yield f"({ast.unparse(ast.BoolOp(SWAPS[type(node.op)](), node.values))})"  # type: ignore[arg-type]


def _signed(node: ast.UnaryOp) -> Iterator[str]:
    if isinstance(node.op, ast.Not | ast.USub):
        yield f"({ast.unparse(node.operand)})"


def _constant(node: ast.Constant) -> Iterator[str]:
    if isinstance(node.value, bool):
        yield repr(not node.value)
    elif isinstance(node.value, int | float):
        yield repr(node.value + 1)


def _returned(node: ast.Return) -> Iterator[str]:
    if node.value is not None and ast.unparse(node.value) != "None":
        yield "return None"


def _left_out(node: ast.stmt) -> Iterator[str]:
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    stores = isinstance(node, ast.Assign) and not isinstance(node.targets[0], ast.Name | ast.Tuple)
    if not is_text and (stores or not isinstance(node, ast.Assign)):
        yield "pass"


def _chosen(node: ast.If | ast.IfExp) -> Iterator[str]:
    """A branch taken when it should not be; of statements, by their test alone."""
    if isinstance(node, ast.IfExp):
        yield f"({ast.unparse(ast.IfExp(node.test, node.orelse, node.body))})"


CHANGES: dict[type | tuple[type, ...], Callable[..., Iterator[str]]] = {
    ast.Compare: _compared,
    ast.BinOp: _computed,
    ast.BoolOp: _joined,
    ast.UnaryOp: _signed,
    ast.Constant: _constant,
    ast.Return: _returned,
    ast.IfExp: _chosen,
    (ast.Expr, ast.AugAssign, ast.Raise, ast.Assign): _left_out,
}


def _replaced(lines: list[str], node: ast.expr | ast.stmt, text: str) -> str:
    """The source with the text in the place of a node; columns count bytes of UTF-8."""
    first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
    head = lines[first].encode()[: node.col_offset].decode()
    tail = lines[last].encode()[node.end_col_offset :].decode()
    return "".join([*lines[:first], head + text + tail, *lines[last + 1 :]])


def _is_python(source: str) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True
