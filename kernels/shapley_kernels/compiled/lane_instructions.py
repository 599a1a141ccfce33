"""The type of eight numbers in kernels, and the instructions that replace the functions of `lanes.py` there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel.models import PrimitiveModel
from numba.extending import register_model

WIDTH = 8

intrinsic: Callable[[Callable[..., Any]], Callable[..., Any]] = numba.extending.intrinsic


class LanesType(types.Type):
    """Numba's type of eight numbers of one dtype."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        super().__init__(name=f"Lanes({dtype})")


@register_model(LanesType)
class _Vector(PrimitiveModel):
    def __init__(self, manager: Any, kind: LanesType) -> None:
        super().__init__(manager, kind, ir.VectorType(manager.lookup(kind.dtype).get_value_type(), WIDTH))  # type: ignore[no-untyped-call]


def address(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> tuple[Any, int]:
    """Pointer to eight elements, and the alignment that holds for any array."""
    pointer = builder.gep(context.make_array(kind)(context, builder, array).data, [index])
    element = context.get_value_type(kind.dtype)
    size = context.get_abi_sizeof(element)
    return builder.bitcast(pointer, ir.VectorType(element, WIDTH).as_pointer()), size


@intrinsic
def load(typing: Any, array: Any, index: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer, align = address(context, builder, signature.args[0], *args)
        return builder.load(pointer, align=align)

    return LanesType(array.dtype)(array, types.int64), emit


@intrinsic
def store(typing: Any, array: Any, index: Any, value: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer, align = address(context, builder, signature.args[0], *args[:2])
        builder.store(args[2], pointer, align=align)
        return context.get_dummy_value()

    return types.void(array, types.int64, value), emit


@intrinsic
def splat(typing: Any, number: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return splatted(builder, args[0])

    return LanesType(number)(number), emit


@intrinsic
def expand(typing: Any, array: Any, index: Any, mask: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = builder.gep(context.make_array(signature.args[0])(context, builder, args[0]).data, [args[1]])
        vector, chosen = context.get_value_type(signature.return_type), ir.VectorType(ir.IntType(1), WIDTH)
        kind = ir.FunctionType(vector, [pointer.type, chosen, vector])
        name = f"llvm.masked.expandload.v{WIDTH}f{array.dtype.bitwidth}"
        function = cgutils.get_or_insert_function(builder.module, kind, name)  # type: ignore[no-untyped-call]
        return builder.call(function, [pointer, builder.bitcast(args[2], chosen), ir.Constant(vector, None)])

    return LanesType(array.dtype)(array, types.int64, types.uint8), emit


@intrinsic
def bits(typing: Any, flags: Any, index: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = builder.gep(context.make_array(signature.args[0])(context, builder, args[0]).data, [args[1]])
        vector = ir.VectorType(ir.IntType(8), 64)
        loaded = builder.load(builder.bitcast(pointer, vector.as_pointer()), align=1)
        return builder.bitcast(builder.icmp_unsigned("!=", loaded, ir.Constant(vector, None)), ir.IntType(64))

    return types.uint64(flags, types.int64), emit


@intrinsic
def ones(typing: Any, number: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.int64(types.uint64), emit


@intrinsic
def widen(typing: Any, x: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if signature.args[0] == signature.return_type:
            return args[0]
        return builder.fpext(args[0], context.get_value_type(signature.return_type))

    return LanesType(types.float64)(x), emit


@intrinsic
def packed(typing: Any, x: Any, bits: Any, places: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value, vector = args[0], ir.VectorType(ir.IntType(32), WIDTH)
        if signature.args[0].dtype != types.float32:
            value = builder.fptrunc(value, ir.VectorType(ir.FloatType(), WIDTH))
        kept = builder.shl(ir.Constant(ir.IntType(32), -1), builder.trunc(args[1], ir.IntType(32)))
        doubled = builder.shl(builder.bitcast(value, vector), ir.Constant(vector, [1] * WIDTH))
        return builder.or_(builder.and_(doubled, splatted(builder, kept)), args[2])

    return LanesType(types.uint32)(x, types.int64, places), emit


@intrinsic
def exceeds(typing: Any, x: Any, y: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(builder.fcmp_ordered(">", *args), ir.IntType(WIDTH))

    return types.uint8(x, y), emit


@intrinsic
def choose(typing: Any, mask: Any, x: Any, y: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        bits = builder.bitcast(args[0], ir.VectorType(ir.IntType(1), WIDTH))
        return builder.select(bits, *args[1:])

    return x(types.uint8, x, y), emit


@intrinsic
def multiply_add(typing: Any, x: Any, y: Any, z: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vector = context.get_value_type(signature.return_type)
        kind = ir.FunctionType(vector, [vector] * 3)
        name = f"llvm.fmuladd.v{WIDTH}f{signature.return_type.dtype.bitwidth}"
        function = cgutils.get_or_insert_function(builder.module, kind, name)  # type: ignore[no-untyped-call]
        return builder.call(function, args)

    return x(x, y, z), emit


@intrinsic
def total(typing: Any, x: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value = args[0]
        for half in (4, 2, 1):
            parts = [_shuffled(builder, value, value, range(start, start + half)) for start in (0, half)]
            value = builder.fadd(*parts)
        return builder.extract_element(value, ir.Constant(ir.IntType(32), 0))

    return x.dtype(x), emit


@intrinsic
def least(typing: Any, x: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value = args[0]
        for half in (4, 2, 1):
            low, high = (_shuffled(builder, value, value, range(start, start + half)) for start in (0, half))
            value = builder.select(builder.fcmp_ordered("<", low, high), low, high)
        return builder.extract_element(value, ir.Constant(ir.IntType(32), 0))

    return x.dtype(x), emit


@intrinsic
def transpose(typing: Any, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        rows = list(args)
        for step in (1, 2, 4):  # exchange off-diagonal blocks of step x step between rows that are `step` apart
            for i in (i for i in range(WIDTH) if not i & step):
                x, y = rows[i], rows[i + step]
                low = [j if not j & step else WIDTH + j - step for j in range(WIDTH)]
                rows[i] = _shuffled(builder, x, y, low)
                rows[i + step] = _shuffled(builder, x, y, [j + step for j in low])
        return context.make_tuple(builder, signature.return_type, rows)

    eight = types.UniTuple(a, WIDTH)  # type: ignore[no-untyped-call]
    return eight(a, b, c, d, e, f, g, h), emit


def splatted(builder: Any, number: Any) -> Any:
    """One number in all lanes."""
    one = builder.insert_element(
        ir.Constant(ir.VectorType(number.type, WIDTH), ir.Undefined), number, ir.Constant(ir.IntType(32), 0)
    )
    return _shuffled(builder, one, one, [0] * WIDTH)


def _shuffled(builder: Any, x: Any, y: Any, places: Any) -> Any:
    places = list(places)
    return builder.shuffle_vector(x, y, ir.Constant(ir.VectorType(ir.IntType(32), len(places)), places))


def arithmetic(instruction: str) -> Any:
    @intrinsic
    def operation(typing: Any, x: Any, y: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return getattr(builder, instruction)(*args)

        return x(x, y), emit

    return operation


def selection(comparison: str) -> Any:
    @intrinsic
    def operation(typing: Any, x: Any, y: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            whole = isinstance(signature.return_type.dtype, types.Integer)
            compare = builder.icmp_unsigned if whole else builder.fcmp_ordered
            return builder.select(compare(comparison, *args), *args)

        return x(x, y), emit

    return operation


def asking(for_writing: bool) -> Any:
    @intrinsic
    def prefetch(typing: Any, array: Any, index: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            pointer = builder.bitcast(address(context, builder, signature.args[0], *args)[0], ir.IntType(8).as_pointer())
            number = ir.IntType(32)
            kind = ir.FunctionType(ir.VoidType(), [pointer.type, number, number, number])
            function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")  # type: ignore[no-untyped-call]
            builder.call(function, [pointer, number(int(for_writing)), number(2), number(1)])  # data, into the second cache
            return context.get_dummy_value()

        return types.void(array, types.int64), emit

    return prefetch


prefetch = asking(for_writing=False)
prefetch_to_write = asking(for_writing=True)
