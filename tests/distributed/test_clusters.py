"""Real clusters on this machine, of two workers each, one of which is killed at work: no answer is lost, no bit changes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc

from askings import fatal, score, text

pytestmark = pytest.mark.distributed


def check(executor: Executor, mark: Path) -> None:
    """The values of a run in which a worker dies are those of a run at home."""
    plan = sc.plan(6)
    at_home = sc.evaluate(score, plan, request=text)
    cache: dict[Any, float] = {}
    value = partial(fatal, str(mark))
    values = sc.evaluate(value, plan, request=text, batch_size=4, executor=executor, cache=cache, backoff=0.1)
    assert mark.exists()
    assert values.tobytes() == at_home.tobytes()
    solved = plan.solve(values).values
    assert solved.tobytes() == plan.solve(at_home).values.tobytes()
    assert np.isfinite(solved).all()


def test_dask(tmp_path: Path) -> None:
    from dask.distributed import Client, LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        check(client.get_executor(), tmp_path / "mark")


def test_ray(tmp_path: Path) -> None:
    import ray

    class RayExecutor(Executor):
        def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
            future: Future[Any] = ray.remote(max_retries=3)(function).remote(*arguments, **named).future()
            return future

    here = str(Path(__file__).parents[1] / "support")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": {"PYTHONPATH": here}})
    try:
        check(RayExecutor(), tmp_path / "mark")
    finally:
        ray.shutdown()


def test_loky(tmp_path: Path) -> None:
    """A pool whose worker has died takes no more work: what it answered is kept, and a new pool is asked for the rest."""
    from loky import get_reusable_executor

    plan = sc.plan(6)
    cache: dict[Any, float] = {}
    value = partial(fatal, str(tmp_path / "mark"))
    with pytest.raises(sc.EvaluationError, match="TerminatedWorkerError"):
        sc.evaluate(value, plan, request=text, batch_size=4, executor=get_reusable_executor(2), cache=cache, retries=0)
    assert cache
    values = sc.evaluate(value, plan, request=text, batch_size=4, executor=get_reusable_executor(2), cache=cache)
    assert values.tobytes() == sc.evaluate(score, plan, request=text).tobytes()


MPI = """
import sys
sys.path.insert(0, {here!r})
from mpi4py.futures import MPIPoolExecutor
import shapley_credit as sc
from askings import score, text

if __name__ == "__main__":
    plan = sc.plan(6)
    with MPIPoolExecutor(max_workers=2) as executor:
        values = sc.evaluate(score, plan, request=text, batch_size=4, executor=executor)
    print(values.tobytes() == sc.evaluate(score, plan, request=text).tobytes())
"""


def test_mpi(tmp_path: Path) -> None:
    """MPI ends the whole job when a rank dies, so that here nobody is killed; a cache on disk is what survives."""
    program = tmp_path / "job.py"
    program.write_text(MPI.format(here=str(Path(__file__).parents[1] / "support")))
    command = [str(Path(sys.executable).with_name("mpiexec")), "-n", "3", sys.executable, "-m", "mpi4py.futures", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == ["True"]
