"""Datasets of Hugging Face, which the wheel is not tested with: their rows may be a selection of those of a file."""

from __future__ import annotations

from typing import Any

import pytest
import shapley_credit as sc
from shapley_credit.rollouts.step import credited

# Not there where the wheel is tested.
pytestmark = pytest.mark.checkout

ROWS: dict[str, Any] = {
    "prompt": [[{"role": "user", "content": text}] for text in "abac"],
    "reward": [1.0, 5.0, 3.0, 2.0],
    "answer": ["7", "7", "8", None],
}
MIX = "Max(reward) + 0.5 * DistinctCount(answer)"


def test_rows_stay_where_they_are() -> None:
    from datasets import Dataset

    whole = Dataset.from_dict(ROWS)
    for dataset in (whole, whole.with_format("numpy")):
        found = sc.with_credit(dataset.select([3, 2, 0, 1]), MIX, by="prompt", advantage="mean")
        assert isinstance(found, Dataset)
        assert found.column_names == [*ROWS, "credit", "advantage"]
        assert list(found["reward"]) == [2.0, 3.0, 1.0, 5.0]
        assert list(found["credit"]) == [2.0, 3.0, 1.0, 5.5]
        assert list(found["advantage"]) == [0.0, 1.0, -1.0, 0.0]
        assert dataset.column_names == [*ROWS]
        assert found.format["type"] == dataset.format["type"]


def test_no_rows_and_batches_of_whole_groups() -> None:
    from datasets import Dataset

    table = Dataset.from_dict({"prompt": [row // 2 for row in range(10)], "reward": [float(row) for row in range(10)]})
    home = sc.with_credit(table, "Max(reward)", by="prompt")
    step = {"by": "prompt", "utility": "Max(reward)"}
    mapped = table.with_format("arrow").map(credited, batched=True, batch_size=4, fn_kwargs=step)
    assert list(mapped.with_format(None)["credit"]) == list(home["credit"])
    assert sc.with_credit(table.select([]), "Max(reward)", by="prompt").column_names == ["prompt", "reward", "credit"]


def test_a_dictionary_of_splits_is_refused() -> None:
    from datasets import Dataset, DatasetDict

    with pytest.raises(sc.InputError, match=r"got DatasetDict\. Of a DatasetDict pass each split"):
        sc.with_credit(DatasetDict(train=Dataset.from_dict(ROWS)), MIX, by="prompt")
