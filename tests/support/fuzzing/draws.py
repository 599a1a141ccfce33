"""Random cases: instances of the families, moved to other magnitudes, dtypes, offsets, layouts and libraries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st
from shapley_credit import Utility
from shapley_credit.inputs.fields import MEMBERS, REAL_VALUED, Field, Parameter
from shapley_credit.testing.instances import FAMILIES, Array, fields_of, instances

from fuzzing.cases import Case, Term
from fuzzing.dress import LIBRARIES
from fuzzing.values import VALUES, ways

# By dtype: sizes of numbers, from subnormal ones to where the dtype ends.
MAGNITUDES: dict[str, Sequence[float]] = {
    "float64": (1e-310, 1e-300, 1e-30, 1e-3, 1e3, 1e30, 1e300, 2.0**1016),
    "float32": (1e-40, 1e-30, 1e-3, 1e3, 1e30, 2.0**120),
    "float16": (1e-7, 1e-3, 1e3),
    "bfloat16": (1e-40, 1e-30, 1e-3, 1e3, 1e30, 2.0**120),
    "int64": (2.0**40,),
    "int8": (1.0,),
    "uint8": (1.0,),
}
OFFSETS: dict[str, Sequence[float]] = {
    "float64": (1e3, 1e7, 1e12),
    "float32": (1e3, 1e7),
    "bfloat16": (1e3, 1e7),
    "float16": (1e3,),
}
# Fields that may have a number in common, which then costs no digits: all values, or all but that of no member, move with it.
MOVED: dict[str, tuple[str, ...]] = {
    "Max": ("scores", "base"),
    "Min": ("scores", "base"),
    "Range": ("scores",),
    "MthLargest": ("scores", "base"),
    "SoftKNN": ("matches", "base"),
    "Mean": ("scores", "base"),
    "GroupVariance": ("scores",),
    "EnsembleError": ("predictions", "target"),
    "MinGap": ("points",),
    "LogSumExp": ("scores", "base"),
    "LogMeanExp": ("scores", "base"),
    "SoftmaxMean": ("values", "base"),
    "Cardinality": ("f",),
    "ClassCounts": ("f",),
    "Typed": ("table",),
    "Table": ("values",),
    "ExpectedMax": ("grid",),
    "Product": ("offset",),
}
LABELS = np.array([0, -(2**63), 2**63 - 1, 7])
LARGEST_K = 24
# Beyond the vectors and tiles of kernels.
BEYOND = (33, 65)


@st.composite
def cases(draw: st.DrawFn, family: type[Utility], role: str) -> Case:
    """A case of a family and a role of kernels."""
    k = draw(st.integers(1, 5) | st.sampled_from(_several(family)))
    shape = draw(st.sampled_from([(), (), (1,), (3,), (0,), (2, 2)] if k <= 4 else [(), (2,)]))
    dtype = draw(st.sampled_from(["float64", "float64", "float32", "float32", *MAGNITUDES]))
    library = draw(st.sampled_from(_libraries(dtype)))
    magnitude, offset = _size(draw, family, dtype)
    several = k <= 8 and not magnitude and not offset and draw(st.integers(0, 5)) == 0
    chosen = [family, *([draw(st.sampled_from(FAMILIES))] if several else [])]
    mask = _mask(draw, (*shape, k))
    terms = [draw(_terms(one, k, shape, mask, dtype, magnitude, offset, library)) for one in chosen]
    factors = [draw(st.sampled_from([1.0, -0.5, 2.0])) for _ in terms] if several else [1.0]
    value = draw(st.sampled_from(VALUES))
    labels = {"family": family.__name__, "value": value, "dtype": dtype, "role": role, "library": library}
    labels |= {"magnitude": f"{magnitude or 1:g}", "offset": f"{offset:g}", "game": "sum" if several else "family"}
    return Case(tuple(zip(factors, terms, strict=True)), draw(ways(k)[value]), role, labels)


def _mask(draw: st.DrawFn, shape: tuple[int, ...]) -> Array | None:
    """That of all terms: nobody is absent, or some are, or all."""
    kind, size = draw(st.integers(0, 9)), int(np.prod(shape))
    if kind < 5:
        return None
    flags = [False] * size if kind == 9 else draw(st.lists(st.booleans(), min_size=size, max_size=size))
    return np.array(flags, np.bool_).reshape(shape)


def _most(family: type[Utility]) -> int:
    """The largest k at which an instance is drawn in no time."""
    if family.max_members:
        return 8
    many = any(isinstance(spec, Parameter) and spec.several for spec in family.fields.values())
    wide = any(len(spec.axes) > 1 for spec in fields_of(family))
    return 9 if many else 12 if wide else LARGEST_K


def _several(family: type[Utility]) -> list[int]:
    """Numbers of members above those of which all sets are asked."""
    most = _most(family)
    return [6, *range(7, most + 1), *(BEYOND if most == LARGEST_K else [])]


def _libraries(dtype: str) -> list[str]:
    if dtype == "bfloat16":
        return ["bfloat16"]
    lists = ["list"] if dtype in ("float64", "int64") else []
    return ["numpy", "numpy", "torch", *lists, *(["strict"] if dtype != "float16" else [])]


def _size(draw: st.DrawFn, family: type[Utility], dtype: str) -> tuple[float, float]:
    """A magnitude or an offset or, as 0, neither."""
    kind = draw(st.integers(0, 2))
    if kind == 1:
        return draw(st.sampled_from(MAGNITUDES[dtype])), 0.0
    if kind == 2 and family.__name__ in MOVED and dtype in OFFSETS:
        return 0.0, draw(st.sampled_from(OFFSETS[dtype]))
    return 0.0, 0.0


@st.composite
def _terms(
    draw: st.DrawFn,
    family: type[Utility],
    k: int,
    shape: tuple[int, ...],
    mask: Array | None,
    dtype: str,
    magnitude: float,
    offset: float,
    library: str,
) -> Term:
    instance = draw(instances(family, np.float64, k, shape))
    data, moved = dict(instance.data), MOVED.get(family.__name__, ()) if offset else ()
    for name, spec in family.fields.items():
        if isinstance(spec, Field) and data[name] is not None:
            resized = np.asarray(_resized(draw, data[name], spec, magnitude))
            kind = dtype if name in moved or library == "list" else _beside(draw, dtype)
            array = _of_dtype(resized, spec, kind, offset if name in moved else 0.0)
            data[name] = _shared(draw, np.asarray(_spoiled(draw, array, spec, mask)), spec)
    arrays = [name for name, value in {**data, "mask": mask}.items() if isinstance(value, np.ndarray)]
    dresses = {name: draw(st.sampled_from(LIBRARIES[library])) for name in arrays}
    return Term(replace(instance, data=data, mask=mask), dresses, {name: Fraction(offset) for name in moved})


def _beside(draw: st.DrawFn, dtype: str) -> str:
    """The dtype of one array among those of a case; sometimes floats of 32 and 64 bits are mixed."""
    if dtype not in ("float32", "float64") or draw(st.integers(0, 7)):
        return dtype
    return draw(st.sampled_from(["float32", "float64"]))


def _resized(draw: st.DrawFn, array: Array, spec: Field, magnitude: float) -> Array:
    """All entries of the magnitude, or some, or none."""
    if spec.domain == "label" and draw(st.integers(0, 5)) == 0:
        return LABELS[array]
    if not magnitude or spec.domain not in ("real", "positive", "symmetric", "key") or not draw(st.integers(0, 3)):
        return array
    some = spec.domain != "symmetric" and array.size <= 32 and draw(st.booleans())
    which = draw(st.lists(st.booleans(), min_size=array.size, max_size=array.size)) if some else [True] * array.size
    return np.where(np.array(which, np.bool_).reshape(array.shape), array * magnitude, array)


def _of_dtype(array: Array, spec: Field, dtype: str, offset: float) -> Array:
    """Real numbers as the dtype holds them; of integers, eighths become whole."""
    if spec.domain not in REAL_VALUED:
        return array
    if dtype in ("int64", "int8", "uint8"):
        whole = array if spec.domain == "probability" else array * 8
        low, high = (-np.inf, np.inf) if dtype == "int64" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
        return np.asarray(np.ceil(np.clip(whole, low, high)), dtype)
    kind = np.dtype("float32" if dtype == "bfloat16" else dtype)
    most = np.finfo(kind).max
    rounded = np.clip(array + offset, -most, most).astype(kind)
    if dtype == "bfloat16":
        rounded = (rounded.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
    if spec.domain == "positive":
        rounded = np.maximum(rounded, _least(dtype))
    return np.asarray(rounded)


def _least(dtype: str) -> Any:
    """The smallest number above 0, of bfloat16 the smallest that is not subnormal."""
    if dtype == "bfloat16":
        return np.finfo(np.float32).smallest_normal
    return np.finfo(dtype).smallest_subnormal


def _spoiled(draw: st.DrawFn, array: Array, spec: Field, mask: Array | None) -> Array:
    """What absent members hold may be anything."""
    groups = array.shape[:-1] if spec.axes == (MEMBERS,) else None
    if mask is None or groups is None or groups != mask.shape[:-1] or array.dtype.kind != "f" or draw(st.booleans()):
        return array
    return np.where(mask, array, np.array(draw(st.sampled_from([np.nan, np.inf, -np.inf])), array.dtype))


def _shared(draw: st.DrawFn, array: Array, spec: Field) -> Array:
    """Some arrays are those of all groups."""
    lead = array.ndim - len(spec.axes)
    if not lead or not array.shape[0] or spec.axes[:1] == (MEMBERS,) or draw(st.booleans()):
        return array
    return np.asarray(array[(0,) * lead])
