"""The fuzzer can fail: wrong credits, exceptions and unjust refusals are found, shrunk, and saved as examples that run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from functools import partial
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Any
from unittest import mock

import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import dispatch
from shapley_credit import utilities as u
from shapley_credit.testing.instances import Instance

from fuzzing import draws, hunt, refusals, reports, values
from fuzzing.cases import Case, Term
from shapley_kernels.dividends import ref as dividends

pytestmark = [pytest.mark.torch, pytest.mark.numba]


def tripled_if_large(scores: Any) -> Any:
    """Wrong where a member has 3 or more."""
    credit = dividends.additive(scores)
    return np.where(credit >= 3, 3 * credit, credit)


def dividing(scores: Any) -> Any:
    return dividends.additive(scores) + 1 // int((scores != 0).all())


def refusing(scores: Any) -> Any:
    raise sc.InputError("the values of this overflow float64; scale them down.")


def warning(scores: Any) -> Any:
    return dividends.additive(scores) + np.log(np.zeros(1)) * 0


def row_by_row(scores: Any) -> Any:
    """Other bits for the first row of several."""
    credit = dividends.additive(scores).copy()
    credit[1:] *= 1 + 2.0**-22
    return credit


WRONG: list[tuple[Callable[[Any], Any], str]] = [
    (tripled_if_large, "wrong credits"),
    (dividing, "ZeroDivisionError in dividing"),
    (refusing, "refused"),
    (warning, "RuntimeWarning in warning"),
    (row_by_row, "other bits in another batch"),
]


@contextmanager
def hunting(kernel: Callable[[Any], Any]) -> Iterator[None]:
    """Shapley values of sums, by `kernel` on the role `ref`, and no other values."""
    genuine = dispatch.kernel

    def chosen(form: str, game: str, role: dispatch.Role) -> Callable[..., Any]:
        return kernel if (form, game, role) == ("dividends", "additive", "ref") else genuine(form, game, role)

    with ExitStack() as stack:
        for home, name, value in ((dispatch, "kernel", chosen), (draws, "VALUES", ("shapley",)), (hunt, "SHRINKING_S", 3.0)):
            stack.enter_context(mock.patch.object(home, name, value))
        yield


def rounds(kernel: Callable[[Any], Any]) -> Iterator[hunt.Finding]:
    """What a few rounds find, as they find it."""
    tally = hunt.Tally()
    with hunting(kernel):
        for seed in range(12):
            found = hunt.one_round(tally, u.Additive, "ref", seed, monotonic() + 60)
            if found is not None:
                tally.findings[found.key] = found
                yield found


@pytest.mark.parametrize(("kernel", "kind"), WRONG, ids=lambda wrong: getattr(wrong, "__name__", ""))
def test_what_is_wrong_is_found(kernel: Callable[[Any], Any], kind: str) -> None:
    assert any(found.kind == kind for found in rounds(kernel))


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert list(islice(rounds(dividends.additive), 1)) == []


def test_a_finding_is_shrunk_and_saved_as_an_example_that_runs(tmp_path: Path) -> None:
    found = next(found for found in rounds(tripled_if_large) if found.value == "shapley")
    path = reports.save(tmp_path, found)
    assert "np.array([3.0], np." in path.read_text()
    here = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1] / "support")}
    printed = subprocess.run([sys.executable, str(path)], env=here, capture_output=True, text=True, check=True).stdout
    assert "[3." in printed


def test_counts_are_of_every_kind(tmp_path: Path) -> None:
    tally = hunt.hunt(1, 0.01, [u.Max], partial(reports.save, tmp_path))
    printed = reports.table(tally)
    assert tally.counts["all", "cases"] == tally.counts["family", "Max"] > 0
    assert all(word in printed for word in ("outcome", "float64", "shapley", "ref"))


def test_every_kind_of_refusal_is_known_by_its_words() -> None:
    """Messages of the library that the fuzzer takes for reasons."""
    with pytest.raises(sc.InputError) as error:
        sc.set_shapley(u.Additive([1.7e308, 1.0]) * 10.0)
    assert any(words in str(error.value) for words in refusals.REASONS)


@pytest.mark.parametrize(("factor", "overflows"), [(8000.0, True), (8.0, False)])
def test_a_product_overflows_where_its_small_factors_are_left_out(factor: float, overflows: bool) -> None:
    inside = np.array([factor] * 10 + [0.0] * 10 + [np.nan], np.float32)
    data = {"inside": inside, "outside": None, "scale": np.array(1.0, np.float32), "offset": np.array(0.0, np.float32)}
    term = Term(Instance(u.Product, len(inside), data, ~np.isnan(inside)), {}, dict.fromkeys(data, Fraction(0)))
    case = Case(((1.0, term),), values.shapley(len(inside)), "ref", {"magnitude": "1", "offset": "0"})
    assert (refusals.reason_of(case, "the values of this overflow float32") == "overflow") is overflows
