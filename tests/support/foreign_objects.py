"""Objects that other libraries or careless callers pass, and what of them is no number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np


class Tracer:
    """An array of a function that JAX traces: it has an abstract value, and neither values nor a device."""

    shape, ndim, size, dtype = (4,), 1, 4, np.dtype(np.float32)
    aval = "float32[4]"

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("The numpy.ndarray conversion method __array__() was called on traced array with shape float32[4]")

    def __len__(self) -> int:
        return 4

    def __iter__(self) -> Iterator[Any]:
        return iter([self] * 4)


class Exporting(Tracer):
    """The same as JAX has it since it knows DLPack."""

    def __dlpack__(self, **options: Any) -> Any:
        raise RuntimeError("a tracer has no buffer")


class Frame:
    """A data frame: as an array rows by columns, as an iterator the names of its columns."""

    columns, shape, ndim = ("a", "b"), (2, 2), 2

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array([[1.0, 3.0], [2.0, 4.0]])

    def __len__(self) -> int:
        return 2

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)


class Hostile:
    """An object whose every answer is an error."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise KeyError("no array")

    def __repr__(self) -> str:
        raise KeyError("no name")

    def __bool__(self) -> bool:
        raise KeyError("no truth")


# Nothing of this is a number, nor four of them.
NO_NUMBERS: dict[str, Any] = {
    "tracer": Tracer(),
    "exporting tracer": Exporting(),
    "tracers": [Tracer()] * 4,
    "hostile": Hostile(),
    "masked": np.ma.array([1.0, 2.0, 3.0, 4.0], mask=[False, True, False, False]),
    "rows that are masked": [np.ma.array([1, 1, 1, 1], mask=[False, True, False, False])],
    "structured": np.zeros(4, [("a", float)]),
    "records": np.rec.array([(1.0, 2.0)] * 4, dtype=[("a", float), ("b", float)]),
    "dates": np.array(["2020-01-01"] * 4, "datetime64[D]"),
    "spans of time": np.ones(4, "timedelta64[s]"),
    "complex": np.ones(4) * 1j,
    "complex list": [1j, 2.0, 3.0, 4.0],
    "text": "abcd",
    "bytes": b"abcd",
    "texts": ["a", "b", "c", "d"],
    "half characters": ["\ud800"] * 4,
    "half a character": "\ud800",
    "objects": np.array([1.0, None, 2.0, "a"], object),
    "dict": {0: 1.0},
    "set": {1.0, 2.0},
    "class": Frame,
    "function": len,
    "None within": [None, 1.0, 2.0, 3.0],
    "dots": ...,
    "huge": [2**70, 1, 2, 3],
}
# Numbers, flags and options of all kinds, right at some entrances and wrong at others.
ODD: dict[str, Any] = {
    **NO_NUMBERS,
    "None": None,
    "True": True,
    "2.5": 2.5,
    "-1": -1,
    "NaN": float("nan"),
    "infinite": float("inf"),
    "empty": [],
    "empty row": [[]],
    "number": 3,
    "numbers": [1.0, 2.0, 3.0, 4.0],
    "halves": [0.5, 0.5, 0.5, 0.5],
    "flags": [True, False, True, True],
    "ragged": [[1.0, 2.0], [3.0]],
    "deep": [[[1.0], [2.0]], [[3.0], [4.0]]],
    "descending": [4, 2, 0],
    "far": [0, 2, 2**62],
    "unsigned": np.array([2**63 + 1, 1, 2, 3], np.uint64),
    "matrix": np.array([[1.0, 2.0, 3.0, 4.0]]).view(np.matrix),
    "frame": Frame(),
    "frames": [Frame()],
    "rows of None": [None] * 4,
    "rows of text": [["a"], ["b"], ["c"], ["d"]],
    "rows of dicts": [{}, {}, {}, {}],
    "long doubles": np.ones(4, np.longdouble),
    "range": range(4),
}
