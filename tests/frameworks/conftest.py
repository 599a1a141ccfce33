"""Tests inside the real frameworks, in an environment of their own: make test-frameworks."""

from __future__ import annotations

import os
import sys
import typing
from pathlib import Path

import pytest
import typing_extensions

# Nothing is downloaded; one thread, because the models are tiny and tests share the machine.
os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", OMP_NUM_THREADS="1", CUDA_VISIBLE_DEVICES="")

if sys.version_info < (3, 12):
    # SkyRL hands typing.TypedDict to pydantic, which takes that from Python 3.12 on only.
    vars(typing)["TypedDict"] = typing_extensions.TypedDict


def pytest_configure(config: pytest.Config) -> None:
    # The warnings here are the frameworks' own, most of them about their neighbours.
    config.addinivalue_line("filterwarnings", "default")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.frameworks)
