"""The works on a CUDA device: Triton kernels beside torch, eager and compiled, and the speed of a copy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks import measure, textbook_formulas
from benchmarks.cases import WORKS, Size, Work, bytes_moved
from shapley_credit import dispatch

# Copies of the data that calls rotate over: more than the second-level cache holds, and not all of the memory.
ROTATED_BYTES = 1 << 28
TOLERANCE = 1e-4


def device() -> str:
    """Name of the device and the versions that drive it."""
    import torch

    return f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}"


def arguments_of(work: Work, size: Size) -> tuple[Any, ...]:
    """The arguments of the kernel in float32, made on the device."""
    import torch

    def rand(*shape: int) -> Any:
        return torch.rand(*shape, device="cuda")

    match work.name:
        case "table":
            return (torch.randn(1, 1 << size[1], device="cuda"),)
        case "max":
            return rand(*size), torch.zeros(1, device="cuda"), torch.ones(1, size[1], dtype=torch.bool, device="cuda")
        case "facility":
            return rand(*size), torch.ones(1, size[2], device="cuda")
        case "noisy-or":
            return (rand(*size),)
        case "DCG":
            gains = rand(*size)
            discounts = 1 / torch.log2(torch.arange(2, size[1] + 2, device="cuda", dtype=torch.float32))
            return gains, gains, discounts[None]
        case "coverage":
            return rand(*size) < 0.2, torch.ones(1, size[2], device="cuda")
        case "pairs":
            half = rand(*size, size[1])
            ones = torch.ones(1, size[1] + 1, device="cuda")
            return half + half.transpose(1, 2), torch.ones(1, size[1], dtype=torch.bool, device="cuda"), ones
        case _:
            mask = rand(*size) < 0.7
            return rand(size[0]), mask.sum(dim=1), mask, False


def works(quick: bool) -> list[dict[str, Any]]:
    """One row a work and size, in seconds of the device."""
    import torch

    if not torch.cuda.is_available():
        raise SystemExit("torch finds no CUDA device here; --gpu needs one.")
    rows = []
    for work in WORKS:
        for size in work.gpu_sizes[: 2 if quick else None]:
            rows.append(_work(work, size))
            taken = rows[-1]["seconds"]
            print(rows[-1]["work"], {name: measure.spelled(s) for name, s in taken.items()}, flush=True)
            torch.cuda.empty_cache()
    return rows


def _work(work: Work, size: Size) -> dict[str, Any]:
    import torch

    arguments = arguments_of(work, size)
    kernel = dispatch.kernel(work.form, work.game, "gpu")
    formula = textbook_formulas.torch_formulas()[work.name]
    compiled = torch.compile(formula, dynamic=False)
    credit = kernel(*arguments)
    for other in (formula, compiled):
        gap = float((other(*arguments) - credit).abs().max() / credit.abs().max())
        assert gap <= TOLERANCE, f"{work.label(size)}: results differ by {gap:.1e}"
    moved = bytes_moved(arguments, credit)
    copies = [arguments] + [_copied(arguments) for _ in range(ROTATED_BYTES // moved)]
    calls: dict[str, Callable[[int], Any]] = {
        "kernel": lambda turn: kernel(*copies[turn % len(copies)]),
        "torch": lambda turn: formula(*copies[turn % len(copies)]),
        "torch, compiled": lambda turn: compiled(*copies[turn % len(copies)]),
        "limit": _copy(moved, len(copies)),
    }
    seconds = measure.cuda_medians(calls, number=max(1, min(20, (1 << 32) // moved)))
    flops = work.case(size).flops
    return {"work": f"{work.label(size)}, f32", "group": work.name, "bytes": moved, "flops": flops, "seconds": seconds}


def _copied(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    copies = {id(a): a.clone() for a in arguments if hasattr(a, "clone")}  # gains stay their own keys
    return tuple(copies.get(id(a), a) for a in arguments)


def _copy(moved: int, count: int) -> Callable[[int], Any]:
    """Half the bytes read, half written, in as many buffers as the work has copies."""
    import torch

    pairs = [torch.empty(2, max(moved // 2, 1), dtype=torch.uint8, device="cuda") for _ in range(count)]

    def run(turn: int) -> None:
        target, source = pairs[turn % count]
        target.copy_(source)

    return run
