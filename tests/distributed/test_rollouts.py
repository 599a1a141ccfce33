"""Rows that are spread over two workers, one of which is killed at work: all come back, with the bits of one machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from shapley_credit.rollouts.step import credited

from rollout_steps import STEP, rollouts, step_of_frame, step_of_table

pytestmark = pytest.mark.distributed

SUPPORT = str(Path(__file__).parents[1] / "support")
# More parts than prompts, so that some are empty.
PARTS = 24


def check(found: pa.Table, home: pa.Table) -> None:
    """All rows are there once, with the same types and bits."""
    found = found.sort_by("row").select(home.column_names)
    assert found.num_rows == home.num_rows
    for name in home.column_names:
        assert found[name].to_pylist() == home[name].to_pylist()
    for name in ("credit", "advantage"):
        assert found[name].type == home[name].type == pa.float32()
        assert found[name].to_numpy().tobytes() == home[name].to_numpy().tobytes()


def test_dask(tmp_path: Path) -> None:
    import dask.dataframe as dd
    from dask.distributed import Client, LocalCluster

    table, mark = rollouts(), tmp_path / "mark"
    frame = dd.from_pandas(table.to_pandas(), npartitions=8)
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster):
        whole = frame.shuffle("prompt", npartitions=PARTS)
        meta = step_of_frame(frame.head(0), str(mark))
        found = whole.map_partitions(step_of_frame, str(mark), meta=meta).compute()
    assert mark.exists()
    check(pa.Table.from_pandas(found, preserve_index=False), credited(table, **STEP))


def ray_tables(dataset: Any) -> pa.Table:
    import ray

    return pa.concat_tables(ray.get(dataset.to_arrow_refs()))


def test_ray(tmp_path: Path) -> None:
    import ray

    table, mark = rollouts(), tmp_path / "mark"
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": {"PYTHONPATH": SUPPORT}})
    try:
        dataset = ray.data.from_arrow([table.slice(start, 20) for start in range(0, table.num_rows, 20)])
        whole = dataset.repartition(PARTS, keys=["prompt"])
        found = whole.map_batches(step_of_table, batch_size=None, batch_format="pyarrow", fn_args=(str(mark),))
        check(ray_tables(found), credited(table, **STEP))
        assert mark.exists()
    finally:
        ray.shutdown()


def test_vectors_of_ray_are_lists() -> None:
    """Ray keeps vectors in a type of its own."""
    import ray

    def hits(batch: dict[str, Any]) -> dict[str, Any]:
        return {**batch, "hits": batch["id"][:, None] >> [0, 1] & 1}

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        dataset = (
            ray.data.range(4)
            .map_batches(hits)
            .map_batches(credited, batch_size=None, batch_format="pyarrow", fn_kwargs={"by": "id", "utility": "Coverage(hits)"})
        )
        assert sorted((row["id"], row["credit"]) for row in dataset.take_all()) == [(0, 0.0), (1, 1.0), (2, 1.0), (3, 2.0)]
    finally:
        ray.shutdown()
