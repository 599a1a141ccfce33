"""Ids of groups in columns of tables."""

from __future__ import annotations

from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import shapley_credit as sc

NAN = float("nan")
GONE = [pd.Series(["p", None]), pl.Series([1, None]), pa.array(["p", None]), pd.Series([0.5, NAN]), pd.Categorical([1, None])]


def test_ids_of_any_column() -> None:
    expected = [-1.0, 1.0, -2.0, 2.0]
    for ids_of in (["p", "p", "q", "q"], [0.5, 0.5, 1.5, 1.5], [True, True, False, False], [2**63 - 1, 2**63 - 1, 1, 1]):
        columns = [pd.Series(ids_of), pl.Series(ids_of), pa.array(ids_of), pa.chunked_array([ids_of]), pd.Categorical(ids_of)]
        for column in [*columns, pa.array(ids_of).dictionary_encode(), pd.Series(ids_of, dtype=object)]:
            assert sc.advantages([1.0, 3.0, 5.0, 9.0], column).tolist() == expected


@pytest.mark.parametrize("gone", GONE, ids=lambda gone: type(gone).__name__)
def test_a_missing_id_is_no_group(gone: Any) -> None:
    with pytest.raises(sc.InputError, match=r"an id in groups is None, NaN or null, .* in row 1 first; leave the row out"):
        sc.advantages([1.0, 2.0], gone)
    with pytest.raises(sc.InputError, match="must hold one id for each of the 3 credits; got 2"):
        sc.advantages([1.0, 2.0, 3.0], pd.Series(["p", "q"]))
