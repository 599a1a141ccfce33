"""The timing of peers: ours is asked as a user would ask it, and runs where no peer is installed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

KNOWN = [*sys.path]
sys.path.append(str(Path(__file__).parents[2]))  # where the benchmarks are; behind everything that is installed
from benchmarks import peers  # noqa: E402

sys.path[:] = KNOWN  # the program puts them in front
pytestmark = pytest.mark.checkout


def test_ours_is_timed_where_no_peer_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(peers, "PATIENCE_S", 0.0)
    games = {"table n=2": np.array([0.0, 1.0, 2.0, 4.0]), "max 2 x 2": np.array([[1.0, 2.0], [3.0, 0.0]])}
    found = peers.timed({**games, **{f"{name} credit": np.zeros(2) for name in games}})
    assert found["versions"] == {}
    assert {name: {*seconds} for name, seconds in found["works"].items()} == {name: {"ours"} for name in games}
