"""Credits of members as a frame of any library that narwhals makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_credit.errors import MissingExtraError, install
from shapley_credit.inputs.checks import one_of

# Libraries of frames that narwhals makes.
BACKENDS = ("pyarrow", "pandas", "polars", "modin")


def members_frame(names: Sequence[str], columns: Mapping[str, NDArray[Any]], backend: str) -> Any:
    """One row a member: group (where there are leading axes), member, name, and the columns [..., k].

    Raises InputError for another backend, MissingExtraError for one that is not installed.
    """
    one_of(backend, BACKENDS, "backend")
    try:
        import narwhals as nw
    except ImportError as error:
        raise MissingExtraError(f"frames need narwhals; {install('frames')}") from error
    shape, k = next(iter(columns.values())).shape, len(names)
    groups = int(np.prod(shape[:-1]))
    texts = [name.encode(errors="backslashreplace").decode() for name in names]  # Arrow holds no half surrogates
    made: dict[str, Any] = {"group": np.repeat(np.arange(groups), k)} if len(shape) > 1 else {}
    made |= {"member": np.tile(np.arange(k), groups), "name": texts * groups}
    made |= {name: column.ravel() for name, column in columns.items()}
    try:
        from_dict: Any = nw.from_dict
        return from_dict(made, backend=backend).to_native()
    except ImportError as error:
        raise MissingExtraError(f"the backend needs {backend}; run: pip install {backend}.") from error
