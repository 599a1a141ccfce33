"""Eight numbers in a vector register, for kernels that must not depend on what a compiler vectorises.

In a kernel what `load` gives is one vector (two or four registers on narrower machines), and +, -, * and the functions below
are an instruction or two each. Outside of a kernel they do the same to NumPy arrays of eight numbers. Arrays are contiguous,
and an index counts the elements of the flattened array. A mask is one byte, a bit a lane.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel.models import PrimitiveModel
from numba.extending import intrinsic, overload, register_model

WIDTH = 8

# Vectors of numbers in a kernel, arrays of eight outside.
Lanes = Any

_intrinsic: Callable[[Callable[..., Any]], Callable[..., Any]] = intrinsic


class LanesType(types.Type):
    """Numba's type of eight numbers of one dtype."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        super().__init__(name=f"Lanes({dtype})")


@register_model(LanesType)
class _Vector(PrimitiveModel):
    def __init__(self, manager: Any, kind: LanesType) -> None:
        super().__init__(manager, kind, ir.VectorType(manager.lookup(kind.dtype).get_value_type(), WIDTH))  # type: ignore[no-untyped-call]


def load(array: Any, index: int) -> Lanes:
    """The eight elements from `index` on."""
    return array.reshape(-1)[index : index + WIDTH].copy()


def store(array: Any, index: int, value: Lanes) -> None:
    """Write the eight elements from `index` on."""
    array.reshape(-1)[index : index + WIDTH] = value


def splat(number: Any) -> Lanes:
    """One number in all lanes."""
    return np.full(WIDTH, number)


def minimum(x: Lanes, y: Lanes) -> Lanes:
    """The smaller of two numbers."""
    return np.minimum(x, y)


def maximum(x: Lanes, y: Lanes) -> Lanes:
    """The larger of two numbers."""
    return np.maximum(x, y)


def exceeds(x: Lanes, y: Lanes) -> Any:
    """The mask of x > y."""
    return np.packbits(x > y, bitorder="little")[0]


def choose(mask: Any, x: Lanes, y: Lanes) -> Lanes:
    """x where the mask is set, else y."""
    return np.where(np.unpackbits(np.uint8(mask), bitorder="little").astype(np.bool_), x, y)


def multiply_add(x: Lanes, y: Lanes, z: Lanes) -> Lanes:
    """x y + z, rounded once where the machine can."""
    return x * y + z


def widen(x: Lanes) -> Lanes:
    """The same numbers in float64."""
    return x.astype(np.float64)


def total(x: Lanes) -> Any:
    """The sum of the lanes, by halves: always the same bits."""
    x = x[:4] + x[4:]
    x = x[:2] + x[2:]
    return x[0] + x[1]


def transpose(
    a: Lanes, b: Lanes, c: Lanes, d: Lanes, e: Lanes, f: Lanes, g: Lanes, h: Lanes
) -> tuple[Lanes, Lanes, Lanes, Lanes, Lanes, Lanes, Lanes, Lanes]:
    """Rows to columns: lane j of result i is lane i of argument j."""
    return tuple(np.stack([a, b, c, d, e, f, g, h], axis=1))


def _address(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> tuple[Any, int]:
    """Pointer to eight elements, and the alignment that holds for any array."""
    pointer = builder.gep(context.make_array(kind)(context, builder, array).data, [index])
    element = context.get_value_type(kind.dtype)
    size = context.get_abi_sizeof(element)
    return builder.bitcast(pointer, ir.VectorType(element, WIDTH).as_pointer()), size


@_intrinsic
def _load(typing: Any, array: Any, index: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer, align = _address(context, builder, signature.args[0], *args)
        return builder.load(pointer, align=align)

    return LanesType(array.dtype)(array, types.int64), emit


@_intrinsic
def _store(typing: Any, array: Any, index: Any, value: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer, align = _address(context, builder, signature.args[0], *args[:2])
        builder.store(args[2], pointer, align=align)
        return context.get_dummy_value()

    return types.void(array, types.int64, value), emit


@_intrinsic
def _splat(typing: Any, number: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vector = context.get_value_type(signature.return_type)
        one = builder.insert_element(ir.Constant(vector, ir.Undefined), args[0], ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH)
        return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), zeros)

    return LanesType(number)(number), emit


@_intrinsic
def _widen(typing: Any, x: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if signature.args[0] == signature.return_type:
            return args[0]
        return builder.fpext(args[0], context.get_value_type(signature.return_type))

    return LanesType(types.float64)(x), emit


@_intrinsic
def _exceeds(typing: Any, x: Any, y: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(builder.fcmp_ordered(">", *args), ir.IntType(WIDTH))

    return types.uint8(x, y), emit


@_intrinsic
def _choose(typing: Any, mask: Any, x: Any, y: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        bits = builder.bitcast(args[0], ir.VectorType(ir.IntType(1), WIDTH))
        return builder.select(bits, *args[1:])

    return x(types.uint8, x, y), emit


@_intrinsic
def _multiply_add(typing: Any, x: Any, y: Any, z: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vector = context.get_value_type(signature.return_type)
        kind = ir.FunctionType(vector, [vector] * 3)
        name = f"llvm.fmuladd.v{WIDTH}f{signature.return_type.dtype.bitwidth}"
        function = cgutils.get_or_insert_function(builder.module, kind, name)  # type: ignore[no-untyped-call]
        return builder.call(function, args)

    return x(x, y, z), emit


@_intrinsic
def _total(typing: Any, x: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value = args[0]
        for half in (4, 2, 1):
            parts = [_shuffled(builder, value, value, range(start, start + half)) for start in (0, half)]
            value = builder.fadd(*parts)
        return builder.extract_element(value, ir.Constant(ir.IntType(32), 0))

    return x.dtype(x), emit


@_intrinsic
def _transpose(typing: Any, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any) -> Any:
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


def _shuffled(builder: Any, x: Any, y: Any, places: Any) -> Any:
    places = list(places)
    return builder.shuffle_vector(x, y, ir.Constant(ir.VectorType(ir.IntType(32), len(places)), places))


def _arithmetic(instruction: str) -> Any:
    @_intrinsic
    def operation(typing: Any, x: Any, y: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return getattr(builder, instruction)(*args)

        return x(x, y), emit

    return operation


def _selection(comparison: str) -> Any:
    @_intrinsic
    def operation(typing: Any, x: Any, y: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.select(builder.fcmp_ordered(comparison, *args), *args)

        return x(x, y), emit

    return operation


def _of_two(function: Callable[..., Any], operation: Any) -> None:
    """Make `function` of two vectors that operation in kernels."""
    overload(function)(lambda x, y: (lambda x, y: operation(x, y)) if isinstance(x, LanesType) and x == y else None)


_of_two(operator.add, _arithmetic("fadd"))
_of_two(operator.sub, _arithmetic("fsub"))
_of_two(operator.mul, _arithmetic("fmul"))
_of_two(minimum, _selection("<"))
_of_two(maximum, _selection(">"))
_of_two(exceeds, _exceeds)
overload(load)(lambda array, index: lambda array, index: _load(array, index))
overload(store)(lambda array, index, value: lambda array, index, value: _store(array, index, value))
overload(splat)(lambda number: lambda number: _splat(number))
overload(widen)(lambda x: lambda x: _widen(x))
overload(multiply_add)(lambda x, y, z: lambda x, y, z: _multiply_add(x, y, z))
overload(total)(lambda x: lambda x: _total(x))
overload(choose)(lambda mask, x, y: lambda mask, x, y: _choose(mask, x, y))
overload(transpose)(lambda a, b, c, d, e, f, g, h: lambda a, b, c, d, e, f, g, h: _transpose(a, b, c, d, e, f, g, h))
