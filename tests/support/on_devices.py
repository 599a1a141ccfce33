"""Arrays on a device without one: torch's meta device, and arrays of the host that are taken for a device's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import mock

import array_api_strict
import numpy as np
import pytest
from numpy.typing import NDArray

STRICT = array_api_strict.Device("device1")


def to_meta(array: NDArray[Any]) -> Any:
    return to_torch(array).to("meta")


def to_torch(array: NDArray[Any]) -> Any:
    import torch

    return torch.from_numpy(np.array(array, array.dtype.newbyteorder("=")))


def to_strict(array: NDArray[Any]) -> Any:
    return array_api_strict.asarray(array, device=STRICT)


@pytest.fixture
def _taken_for_a_device() -> Iterator[None]:
    """Every array that is not NumPy's counts as one on a device."""
    with mock.patch("shapley_credit.convert._device_type", return_value=None):
        yield


taken_for_a_device = pytest.mark.usefixtures("_taken_for_a_device")
