"""Sorting networks over vectors in registers: the instructions that replace the sorting functions of `lanes.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types

from shapley_kernels.compiled.lane_instructions import WIDTH, address, intrinsic, splatted
from shapley_kernels.compiled.sorting_networks import RUN, comparators, halvings

Pairs = list[tuple[int, int]]
Rows = list[Any]
Steps = list[tuple[tuple[int, int], Any]]  # a pair of rows, and the pointer to its mask
Work = Callable[[Any, Rows, Steps], None]

MASK = ir.VectorType(ir.IntType(1), WIDTH)


def _exchanged(builder: Any, rows: Rows, i: int, j: int, mask: Any) -> None:
    """Exchange two rows where the mask is set."""
    x, y = rows[i], rows[j]
    rows[i], rows[j] = builder.select(mask, y, x), builder.select(mask, x, y)


def _places(builder: Any, pointer: Any, count: int) -> list[Any]:
    return [builder.gep(pointer, [ir.Constant(ir.IntType(64), i)]) for i in range(count)]


def _of_keys(members: int, pairs: Pairs) -> Any:
    """Compare and exchange vectors of unsigned integers."""

    @intrinsic
    def order(typing: Any, array: Any, index: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            pointer, align = address(context, builder, signature.args[0], *args)
            places = _places(builder, pointer, members)
            rows = [builder.load(place, align=align) for place in places]
            for i, j in pairs:
                x, y = rows[i], rows[j]
                smaller = builder.icmp_unsigned("<", x, y)
                rows[i], rows[j] = builder.select(smaller, x, y), builder.select(smaller, y, x)
            for place, row in zip(places, rows, strict=True):
                builder.store(row, place, align=align)
            return context.get_dummy_value()

        return types.void(array, types.int64), emit

    return order


def _with_masks(work: Work) -> Any:
    """Let `work` exchange 8 or 16 vectors in registers, given the rows, and the pairs with where the mask of each lies."""

    @intrinsic
    def exchange(typing: Any, array: Any, masks: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            pointer, align = address(context, builder, signature.args[0], args[0], ir.Constant(ir.IntType(64), 0))
            bytes_of = context.make_array(signature.args[1])(context, builder, args[1]).data

            def run(members: int) -> None:
                places, pairs = _places(builder, pointer, members), comparators(members).tolist()
                rows = [builder.load(place, align=align) for place in places]
                work(builder, rows, list(zip(pairs, _places(builder, bytes_of, len(pairs)), strict=True)))
                for place, row in zip(places, rows, strict=True):
                    builder.store(row, place, align=align)

            # One intrinsic with a branch: a choice of two in the kernel would count references to the arrays in its branches.
            height = builder.extract_value(context.make_array(signature.args[0])(context, builder, args[0]).shape, 0)
            with builder.if_else(builder.icmp_unsigned("==", height, ir.Constant(height.type, 8))) as (eight, sixteen):
                with eight:
                    run(8)
                with sixteen:
                    run(16)
            return context.get_dummy_value()

        return types.void(array, masks), emit

    return exchange


def _keep(builder: Any, mask: Any, place: Any) -> None:
    builder.store(builder.bitcast(mask, ir.IntType(WIDTH)), place)


def _kept(builder: Any, place: Any) -> Any:
    return builder.bitcast(builder.load(place), MASK)


@_with_masks
def sort(builder: Any, rows: Rows, steps: Steps) -> None:
    for (i, j), place in steps:
        mask = builder.fcmp_ordered(">", rows[i], rows[j])
        _keep(builder, mask, place)
        _exchanged(builder, rows, i, j, mask)


@_with_masks
def rank(builder: Any, rows: Rows, steps: Steps) -> None:
    places = [splatted(builder, ir.Constant(rows[0].type.element, i)) for i in range(len(rows))]
    for (i, j), place in steps:
        above, later = builder.fcmp_ordered(">", rows[i], rows[j]), builder.fcmp_ordered(">", places[i], places[j])
        mask = builder.or_(builder.fcmp_ordered(">", rows[j], rows[i]), builder.and_(later, builder.not_(above)))
        _keep(builder, mask, place)
        _exchanged(builder, rows, i, j, mask)
        _exchanged(builder, places, i, j, mask)


@_with_masks
def repeat(builder: Any, rows: Rows, steps: Steps) -> None:
    for (i, j), place in steps:
        _exchanged(builder, rows, i, j, _kept(builder, place))


@_with_masks
def restore(builder: Any, rows: Rows, steps: Steps) -> None:
    for (i, j), place in reversed(steps):
        _exchanged(builder, rows, i, j, _kept(builder, place))


EIGHT = comparators(8).tolist()


@intrinsic
def sorted_eight(typing: Any, rows: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        lanes = cgutils.unpack_tuple(builder, args[0])  # type: ignore[no-untyped-call]
        masks = []
        for i, j in EIGHT:
            mask = builder.fcmp_ordered(">", lanes[i], lanes[j])
            _exchanged(builder, lanes, i, j, mask)
            masks.append(builder.bitcast(mask, ir.IntType(WIDTH)))
        pair = [
            context.make_tuple(builder, kind, part) for kind, part in zip(signature.return_type, (lanes, masks), strict=True)
        ]
        return context.make_tuple(builder, signature.return_type, pair)

    masks = types.UniTuple(types.uint8, len(EIGHT))  # type: ignore[no-untyped-call]
    return types.Tuple((rows, masks))(rows), emit  # type: ignore[no-untyped-call]


@intrinsic
def restored_eight(typing: Any, rows: Any, masks: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        lanes, kept = (cgutils.unpack_tuple(builder, arg) for arg in args)  # type: ignore[no-untyped-call]
        for (i, j), mask in reversed(list(zip(EIGHT, kept, strict=True))):
            _exchanged(builder, lanes, i, j, builder.bitcast(mask, MASK))
        return context.make_tuple(builder, signature.return_type, lanes)

    return rows(rows, masks), emit


sort_run = _of_keys(RUN, comparators(RUN).tolist())
merge_run = _of_keys(RUN, halvings(RUN))
