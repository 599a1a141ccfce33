"""Compiles every Triton kernel at every configuration that the launchers use, without a GPU, and looks at the machine code.

A configuration fails if its registers spill to memory (LDL or STL in the disassembly) or if nothing of it is read or written
128 bits at a time although rows are aligned. One ragged group of 16-bit floats is compiled too; it only must not spill. Run:
python benchmarks/compile_kernels.py [--quick] [--only FORM] [--members K]
"""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from unittest import mock

os.environ["TRITON_INTERPRET"] = "0"  # must be said before triton is imported

import torch
import triton
import typer
from rich.console import Console
from rich.table import Table
from torch._subclasses.fake_tensor import FakeTensorMode
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from shapley_kernels.arguments import arguments, forms

TOOLS = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"
ARCHITECTURES = (80, 90)
POINTERS = {torch.bfloat16: "*bf16", torch.float32: "*fp32", torch.float64: "*fp64", torch.uint8: "*u8", torch.int64: "*i64"}
OPERATION = re.compile(r"^\s+/\*[0-9a-f]+\*/\s+(?:@!?U?P\w+\s+)?([A-Z][A-Z0-9_.]+)", re.MULTILINE)

# Types of arguments; the others are of the floating dtype. Arguments that are numbers.
TYPES = {"flag": torch.bool, "label": torch.int64, "whole": torch.int64}
NUMBERS = {"m": 4}
POWERS = (4, 8, 16, 32, 64, 128, 256, 512, 1024)
MEMBERS: dict[str, tuple[int, ...]] = {"table": (4, 6, 8, 10, 12, 13, 20, 24, 28, 31), "tokens": (1,)}
QUICK: dict[str, tuple[int, ...]] = {"table": (8, 12, 20), "tokens": (1,), "pairs": (8, 64, 128)}
QUICK_POWERS = (8, 16, 64)
RAGGED: dict[str, tuple[int, ...]] = {"table": (1, 3), "tokens": (1,)}
RAGGED_MEMBERS = (1, 7, 100)
EVEN_LENGTHS = {"B": 64, "E": 4096, "P": 4096, "T": 4096}
RAGGED_LENGTHS = {"B": 1, "E": 77, "P": 77, "T": 77}

# Kernels whose rows stay narrow, and why.
NARROW = {
    "_finish": "reads 32 numbers a program",
    "_facility": "16 scores an element fill the registers of a thread that has one element",
    "_mixture": "three arrays of 8 members a game fill the registers of a thread that has one game",
    "_small": "the smallest tables are shorter",
    "_count": "writes one number a program",
}


class Configuration(NamedTuple):
    """One kernel as it is compiled: its form, its name, the types and the values known at compile time of its arguments.

    even: whether its rows are aligned, so that 128-bit accesses are due.
    """

    form: str
    name: str
    signature: tuple[tuple[str, str], ...]
    constants: tuple[tuple[str, Any], ...]
    aligned: tuple[int, ...]
    warps: int
    even: bool


class Code(NamedTuple):
    """What the machine code of a configuration is like."""

    registers: int
    shared: int
    instructions: int
    spills: int
    wide: int


def launched() -> Iterator[tuple[str, str]]:
    """The functions that have a Triton kernel."""
    for form, games in forms().items():
        if find_spec(f"shapley_kernels.{form}.gpu"):
            module = importlib.import_module(f"shapley_kernels.{form}.gpu")
            yield from ((form, game) for game in games if hasattr(module, game))


def configurations(only: list[str] | None, members: list[int] | None, quick: bool) -> list[Configuration]:
    """What the launchers ask for, recorded instead of run, on tensors without data."""
    found: dict[Configuration, None] = {}
    for form, game in launched():
        if only and form not in only:
            continue
        sizes = members or (QUICK if quick else MEMBERS).get(form, QUICK_POWERS if quick else POWERS)
        ragged = RAGGED.get(form, RAGGED_MEMBERS)
        calls = [
            _arguments(form, game, size, dtype, EVEN_LENGTHS) for dtype in (torch.float32, torch.float64) for size in sizes
        ]
        found.update(dict.fromkeys(_recorded(form, game, calls, even=True)))
        calls = [] if members else [_arguments(form, game, size, torch.bfloat16, RAGGED_LENGTHS) for size in ragged]
        found.update(dict.fromkeys(_recorded(form, game, calls, even=False)))
    return list(found)


def _recorded(form: str, game: str, calls: list[Iterator[Any]], even: bool) -> list[Configuration]:
    module = importlib.import_module(f"shapley_kernels.{form}.gpu")
    recorded: list[Configuration] = []

    def record(kernel: Any, programs: int, out: Any, *arguments: Any, warps: int = 4, **constants: Any) -> Any:
        recorded.append(_configuration(form, kernel, (out, *arguments), warps, constants, even))
        return out

    specification = mock.patch(f"shapley_kernels.{form}.ref.{game}")  # sizes without a kernel
    with FakeTensorMode(), mock.patch.object(module, "launch", record), specification:
        for arguments in calls:
            getattr(module, game)(*arguments)
    return recorded


def _arguments(form: str, game: str, members: int, dtype: torch.dtype, others: dict[str, int]) -> Iterator[Any]:
    lengths = others | {"K": members, "R": members, "L": members + 1, "V": 1 << members}
    for name, argument in arguments(form, game).items():
        if argument.kind == "number":
            yield NUMBERS[name]
            continue
        own = argument.of_each or argument.kind == "key" or "T" in argument.axes
        groups = [] if "P" in argument.axes else [others["B"] if own else 1]
        yield torch.empty([*groups, *map(lengths.__getitem__, argument.axes)], dtype=TYPES.get(argument.kind, dtype))


def _configuration(
    form: str, kernel: Any, arguments: tuple[Any, ...], warps: int, constants: dict[str, Any], even: bool
) -> Configuration:
    signature, values, aligned = {}, dict(constants), []
    for place, (name, argument) in enumerate(zip(kernel.arg_names, arguments, strict=False)):
        if isinstance(argument, torch.Tensor):
            signature[name] = POINTERS[argument.dtype]
            aligned.append(place)
        elif argument == 1:  # specialised by Triton, as alignment is
            signature[name] = "constexpr"
            values[name] = 1
        else:
            signature[name] = "i32"
            aligned += [place] if argument % 16 == 0 else []
    signature |= dict.fromkeys(constants, "constexpr")
    ordered = tuple((name, signature[name]) for name in kernel.arg_names)
    return Configuration(form, kernel.__name__, ordered, tuple(values.items()), tuple(aligned), warps, even)


def compiled(configuration: Configuration, architecture: int, maxnreg: int | None, aligned: bool) -> Code:
    kernel = getattr(importlib.import_module(f"shapley_kernels.{configuration.form}.gpu"), configuration.name)
    source = ASTSource(
        kernel,
        signature=dict(configuration.signature),
        constexprs=dict(configuration.constants),
        attrs={(place,): [["tt.divisibility", 16]] for place in configuration.aligned if aligned},
    )
    options: dict[str, Any] = {"num_warps": configuration.warps, "enable_fp_fusion": True}
    options |= {"maxnreg": maxnreg} if maxnreg else {}
    built = triton.compile(source, target=GPUTarget("cuda", architecture, 32), options=options)
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(built.asm["cubin"])
        file.flush()
        usage, listing = _run("cuobjdump", "-res-usage", file.name), _run("nvdisasm", "-c", file.name)
    operations = Counter(OPERATION.findall(listing))
    registers = re.search(r"REG:(\d+)", usage)
    assert registers is not None, usage
    assert operations, "the disassembly is not read as expected"
    return Code(
        registers=int(registers[1]),
        shared=built.metadata.shared,
        instructions=sum(operations.values()) - operations["NOP"],
        spills=sum(count for name, count in operations.items() if name.startswith(("LDL", "STL"))),
        wide=sum(count for name, count in operations.items() if name.startswith(("LDG", "STG")) and ".128" in name),
    )


def _run(tool: str, *arguments: str) -> str:
    return subprocess.run([TOOLS / tool, *arguments], check=True, capture_output=True, text=True).stdout


def faults(configuration: Configuration, code: Code) -> list[str]:
    found = [f"{code.spills} spills"] if code.spills else []
    padded = dict(configuration.constants).get("FULL") is False
    narrow = padded or not configuration.even or configuration.name in NARROW
    return found + ([] if code.wide or narrow else ["no 128-bit access"])


def main(
    only: Annotated[list[str] | None, typer.Option(help="Forms; all by default.")] = None,
    members: Annotated[list[int] | None, typer.Option(help="Numbers of members; by default those of every branch.")] = None,
    quick: Annotated[bool, typer.Option(help="A few sizes of every kernel.")] = False,
    maxnreg: Annotated[int | None, typer.Option(help="Registers a thread may use: too few must fail.")] = None,
    aligned: Annotated[bool, typer.Option(help="Promise aligned rows: without it 128-bit accesses must be missed.")] = True,
) -> None:
    """Compile the kernels and print registers, shared memory and instructions; exit with 1 if a configuration fails."""
    tasks = [(one, architecture) for one in configurations(only, members, quick) for architecture in ARCHITECTURES]
    table = Table("form", "kernel", "sm", "arguments", "sizes", "warps", title=f"triton {triton.__version__}")
    for name in ("registers", "shared", "instructions", "spills", "128-bit"):
        table.add_column(name, justify="right")
    table.add_column("fault", style="red")
    failed = 0
    with ProcessPoolExecutor() as pool:
        codes = pool.map(compiled, *zip(*tasks, strict=True), [maxnreg] * len(tasks), [aligned] * len(tasks))
        for (one, architecture), code in zip(tasks, codes, strict=True):
            found = faults(one, code)
            failed += bool(found)
            pointers = " ".join(dict.fromkeys(kind for _, kind in one.signature if kind.startswith("*")))
            sizes = " ".join(f"{name}={int(value)}" for name, value in one.constants)
            figures = map(str, code)
            table.add_row(one.form, one.name, str(architecture), pointers, sizes, str(one.warps), *figures, ", ".join(found))
    Console(width=200).print(table)
    print(f"{len(tasks) - failed} of {len(tasks)} configurations pass")
    raise typer.Exit(1 if failed else 0)


if __name__ == "__main__":
    typer.run(main)
