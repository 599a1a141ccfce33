"""What users would pick instead, in turns with ours, in an environment of their own (`make peers`).

    python benchmarks/peers.py GAMES.npz

The file holds tables [2^n] under `table n=N` and scores [B, K] under `max ..`, each with its credits under the same name and
`credit`. Prints JSON: work -> peer, or ours -> seconds, or why there are none. Every result is checked before its time counts.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import shapley_credit as sc
from numpy.typing import NDArray
from shapley_credit import utilities as u

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.measure import medians

Array = NDArray[Any]
Solver = Callable[[Array], Array]

# Beyond this a peer is not called again, and not called at all where that can be told before.
PATIENCE_S = 5.0
# Short calls are timed as many at once as fill the time that most peers take, so that each finds itself in the caches.
TICK_S = 5e-3
TOLERANCE = 1e-6
PEERS = {"shapiq": "shapiq", "shap": "shap", "pyDVL": "pydvl", "lightshap": "lightshap", "tucoopy": "tucoopy"}


def codes(chosen: Array) -> Array:
    """Rows of 0 and 1 as bit masks."""
    masks: Array = (chosen > 0.5) @ (1 << np.arange(chosen.shape[1]))
    return masks


def shapiq_table(values: Array) -> Array:
    import shapiq

    n = len(values).bit_length() - 1
    credit: Array = shapiq.ExactComputer(lambda chosen: values[codes(chosen)], n)("SV", 1).get_n_order_values(1)
    return credit


def shapiq_max(scores: Array) -> Array:
    """One computer a group, the only way for it to take many."""
    import shapiq

    def one(row: Array) -> Array:
        computer = shapiq.ExactComputer(lambda chosen: np.where(chosen, row, 0.0).max(axis=1), len(row))
        credit: Array = computer("SV", 1).get_n_order_values(1)
        return credit

    return np.array([one(row) for row in scores])


def shap_table(values: Array) -> Array:
    import shap

    n = len(values).bit_length() - 1
    explainer = shap.explainers.Exact(lambda rows: values[codes(rows)], np.zeros((1, n)))
    credit: Array = explainer(np.ones((1, n)), max_evals=1 << (n + 1), silent=True).values[0]
    return credit


def shap_max(scores: Array) -> Array:
    """All groups as the outputs of one model."""
    import shap

    k = scores.shape[1]
    model = lambda rows: np.where(rows[:, None, :] > 0.5, scores, 0.0).max(axis=2)  # noqa: E731
    credit: Array = shap.explainers.Exact(model, np.zeros((1, k)))(np.ones((1, k)), silent=True).values[0].T
    return credit


def lightshap_table(values: Array) -> Array:
    import lightshap

    n = len(values).bit_length() - 1
    found = lightshap.explain_any(
        lambda rows: values[codes(rows)],
        np.ones((1, n)),
        bg_X=np.zeros((1, n)),
        method="permutation",
        how="exact",
        verbose=False,
    )
    credit: Array = np.asarray(found.shap_values).reshape(n)
    return credit


def lightshap_max(scores: Array) -> Array:
    import lightshap

    k = scores.shape[1]
    found = lightshap.explain_any(
        lambda rows: np.where(rows[:, None, :] > 0.5, scores, 0.0).max(axis=2),
        np.ones((1, k)),
        bg_X=np.zeros((1, k)),
        method="permutation",
        how="exact",
        verbose=False,
    )
    credit: Array = np.asarray(found.shap_values).reshape(k, len(scores)).T
    return credit


def tucoopy_table(values: Array) -> Array:
    from tucoopy import Game
    from tucoopy.solutions.shapley import shapley_value

    n = len(values).bit_length() - 1
    return np.array(shapley_value(Game(n, dict(enumerate(values.tolist())))))


def tucoopy_max(scores: Array) -> Array:
    k = scores.shape[1]
    chosen = np.arange(1 << k)[:, None] >> np.arange(k) & 1
    return np.array([tucoopy_table(np.where(chosen, row, 0.0).max(axis=1)) for row in scores])


def pydvl_table(values: Array) -> Array:
    from pydvl.value.shapley.naive import combinatorial_exact_shapley

    n = len(values).bit_length() - 1

    class Data(SimpleNamespace):
        def __len__(self) -> int:
            return n

    class Utility:
        data = Data(indices=np.arange(n), data_names=np.arange(n))

        def __call__(self, chosen: Any) -> float:
            return float(values[sum(1 << int(i) for i in chosen)])

    credit: Array = combinatorial_exact_shapley(Utility(), n_jobs=1, progress=False).values
    return credit


def pydvl_max(scores: Array) -> Array:
    k = scores.shape[1]
    chosen = np.arange(1 << k)[:, None] >> np.arange(k) & 1
    return np.array([pydvl_table(np.where(chosen, row, 0.0).max(axis=1)) for row in scores])


def first(solver: Solver, data: Array, truth: Array) -> float | str:
    """Seconds of one call, or why a peer has no answer."""
    start = time.perf_counter()
    try:
        credit = solver(data)
    except Exception as error:  # noqa: BLE001 - whatever a peer raises is the answer
        return f"{type(error).__name__}: {str(error).splitlines()[0][:80]}"
    taken = time.perf_counter() - start
    gap = float(np.abs(credit - truth).max() / np.abs(truth).max())
    return taken if gap <= TOLERANCE else f"off by {gap:.0e}"


def _ours(family: type[u.Table] | type[u.Max], data: Array) -> Any:
    return sc.set_shapley(family(data))


def timed(games: dict[str, Array]) -> dict[str, Any]:
    """Times of ours and of all peers on all games, in turns; larger games wait for smaller ones."""
    works: dict[str, dict[str, float | str]] = {}
    there = {peer: module for peer, module in PEERS.items() if importlib.util.find_spec(module)}
    for module in there.values():
        first(globals()[f"{module}_table"], np.array([0.0, 1, 2, 4]), np.array([1.5, 2.5]))  # imports
    slow: dict[str, float] = {}
    for name in (name for name in games if not name.endswith("credit")):
        data, truth = games[name], games[f"{name} credit"]
        kind = "table" if name.startswith("table") else "max"
        family = u.Table if kind == "table" else u.Max
        calls: dict[str, Callable[[], Any]] = {"ours": partial(_ours, family, data)}
        answers: dict[str, float | str] = {}
        for peer, module in there.items():
            # Four more members of a table are at least sixteen times the work.
            expected = slow.get(f"{peer} {kind}", 0.0) * 16
            if expected > PATIENCE_S:
                answers[peer] = f"not run: {expected:.0f} s or more"
                continue
            solver = globals()[f"{module}_{kind}"]
            answers[peer] = answer = first(solver, data, truth)
            if isinstance(answer, float):
                slow[f"{peer} {kind}"] = answer
                calls[peer] = partial(solver, data)
        works[name] = {**answers, **medians(calls, budget_s=PATIENCE_S, tick_s=TICK_S)}
    return {"versions": {peer: importlib.metadata.version(peer) for peer in there}, "works": works}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    setattr(np, "float_", np.float64)  # noqa: B010 - NumPy 2 dropped it, and pyDVL 0.9 asks for it
    with np.load(sys.argv[1]) as stored:
        found = timed({name: stored[name] for name in stored.files})
    print(json.dumps(found))
