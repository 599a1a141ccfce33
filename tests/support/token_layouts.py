"""Masks of completions in every layout that trainers use, and how credit is read back from each."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

Array = NDArray[Any]
Rows = list[list[bool]]


@st.composite
def masks(draw: st.DrawFn) -> Rows:
    """Completions of any length: prompts, padding on either side, tool holes, nothing to train at all."""
    return draw(st.lists(st.lists(st.booleans(), min_size=1, max_size=9), min_size=1, max_size=5))


@st.composite
def segmented(draw: st.DrawFn) -> tuple[Rows, list[list[float]], list[list[int]]]:
    """A mask, and for each completion segments that tile its trainable tokens, some of them empty."""
    rows, credit, lengths = draw(masks()), [], []
    for row in rows:
        cuts = draw(st.lists(st.integers(0, sum(row)), max_size=4).map(sorted))
        edges = [0, *cuts, sum(row)] if sum(row) or draw(st.booleans()) else []
        lengths.append([high - low for low, high in pairwise(edges)])
        credit.append([draw(st.floats(-4, 4, width=16)) for _ in lengths[-1]])
    return rows, credit, lengths


def padded(rows: Rows, left: bool) -> Array:
    width = max(map(len, rows))
    return np.array([[False] * (width - len(row)) * left + row + [False] * (width - len(row)) * (not left) for row in rows])


def offsets(rows: Rows) -> Array:
    return np.concatenate([[0], np.cumsum([len(row) for row in rows])])


Layout = tuple[Any, dict[str, Any], Callable[[Any], list[Any]]]


def by_mask(mask: Array) -> Callable[[Any], list[Any]]:
    """From a result in the layout of a mask to the credits of the trainable tokens of each row; the others must be 0."""

    def read(out: Any) -> list[Any]:
        assert out.shape == mask.shape
        assert (out[~mask] == 0).all()
        return [row[keep].tolist() for row, keep in zip(out, mask, strict=True)]

    return read


def by_row(rows: Rows) -> Callable[[Any], list[Any]]:
    def read(out: Any) -> list[Any]:
        assert [len(row) for row in out] == [len(row) for row in rows]
        found = []
        for row, keep in zip(out, map(np.array, rows), strict=True):
            assert (np.asarray(row)[~keep] == 0).all()
            found.append(np.asarray(row)[keep].tolist())
        return found

    return read


def numpy_layouts(rows: Rows) -> dict[str, Layout]:
    right, left = padded(rows, left=False), padded(rows, left=True)
    prompt = np.concatenate([np.zeros((len(rows), 3), bool), right], axis=1)
    ends = offsets(rows)
    flat = np.concatenate(rows)
    return {
        "right-padded, int64": (right.astype(np.int64), {}, by_mask(right)),
        "left-padded, bool": (left, {}, by_mask(left)),
        "full sequence, float": (prompt * 1.0, {}, by_mask(prompt)),
        "shifted view": (prompt.astype(np.int32)[:, 1:], {}, by_mask(prompt[:, 1:])),
        "packed": (flat, {"cu_seqlens": ends}, lambda out: by_row(rows)(np.split(out, ends[1:-1]))),
        "list of lists": ([[int(flag) for flag in row] for row in rows], {}, by_row(rows)),
        "list of arrays": ([np.array(row) for row in rows], {}, by_row(rows)),
    }


def torch_layouts(rows: Rows) -> dict[str, Layout]:
    import torch

    tensors = [torch.tensor(row) for row in rows]
    right, ends = padded(rows, left=False), torch.tensor(offsets(rows), dtype=torch.int32)

    def dense(out: Any) -> Any:
        assert isinstance(out, torch.Tensor)
        assert out.dtype == torch.float32
        return out.numpy()

    nested = torch.nested.nested_tensor([row.long() for row in tensors], layout=torch.jagged)
    return {
        "dense": (torch.tensor(right).long(), {}, lambda out: by_mask(right)(dense(out))),
        "packed": (
            torch.cat(tensors),
            {"cu_seqlens": ends},
            lambda out: by_row(rows)(np.split(dense(out), ends[1:-1].tolist())),
        ),
        "list": (tensors, {}, lambda out: by_row(rows)([dense(row) for row in out])),
        "jagged": (nested, {}, lambda out: by_row(rows)([dense(row) for row in (out * (nested * 0 + 1)).unbind()])),
    }


def ragged_forms(values: list[list[float]]) -> list[Any]:
    arrays = np.empty(len(values), object)
    arrays[:] = [np.array(row, np.float32) for row in values]
    return [values, arrays, list(arrays)]
