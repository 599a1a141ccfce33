"""The comparison with the specification must refuse wrong Triton kernels: each mutant differs from a kernel in one place."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from unittest import mock

import numpy as np
import pytest
from triton.runtime.errors import InterpreterError

from gpu_kernels import check, check_nan, kernels, sizes, small_tiles, specification
from kernel_inputs import PACKED, inputs
from kernel_mutants import Mutant

pytestmark = pytest.mark.triton

MUTANTS = [
    Mutant("thresholds", "airport", "b_height = b_score - b_base[:, None]", "b_height = b_score"),
    Mutant("thresholds", "airport", "b_present, b_height +", "b_present, _at_least_0(b_height) +"),
    Mutant("thresholds", "airport", "b_present, b_height + 0.0 * b_height", "m_tile, b_height + 0.0 * b_height"),
    Mutant("thresholds", "airport", "o_row[:, None] * s_present", "o_row[:, None] * K"),
    Mutant("thresholds", "airport", 'b_height + 0.0 * b_height, float("-inf")', "b_height + 0.0 * b_height, 0.0"),
    Mutant("thresholds", "airport", "_counted(b_sorted[q - 1])) * (1.0", "b_sorted[q - 1]) * (1.0"),
    Mutant("thresholds", "airport", "b_stair = _counted(b_sorted)", "b_stair = b_sorted"),
    Mutant("thresholds", "airport", "tl.where(b_sorted[q] <= b_heights[i]", "tl.where(b_sorted[q] < b_heights[i]"),
    Mutant("thresholds", "airport", "j // (2 * P) == (j + D) // (2 * P)", "True"),
    Mutant("thresholds", "airport", "/ (KP - o_column)[None, :]", "/ (KP + 0 * o_column)[None, :]"),
    Mutant("thresholds", "airport", "mask=o_row < B, other=0.0).to(b_score", "mask=o_row < 1, other=0.0).to(b_score"),
    Mutant("thresholds", "facility", "b_totals[i] + b_weight * b_shares[i]", "b_totals[i] + b_shares[i]"),
    Mutant("thresholds", "airport", "b_level += 0.0 * _counted(b_heights[i])", "b_level += 0.0"),
    Mutant("thresholds", "airport", "tl.sum(0.0 * _counted(b_height), 1)", "tl.sum(0.0 * b_base[:, None], 1)"),
    Mutant("thresholds", "facility", "tl.PropagateNan.ALL", "tl.PropagateNan.NONE"),
    Mutant("thresholds", "facility", "b_total += 0.0 * b_height", "b_total += 0.0"),
    Mutant("thresholds", "facility", "tl.sum(b_total, 0)", "tl.max(b_total, 0)"),
    Mutant("thresholds", "facility", "tl.sum(b_totals[i], 0)", "tl.max(b_totals[i], 0)"),
    Mutant("ranks", "discounted", "== b_key) & (j < i)", "== b_key) & (j > i)"),
    Mutant("ranks", "discounted", "b_ranks[j] > b_ranks[i]", "b_ranks[j] < b_ranks[i]"),
    Mutant("ranks", "discounted", "b_gain * tl.load(p_shift + o_constant", "b_gain * tl.load(p_mean + o_constant"),
    Mutant("ranks", "discounted", "reverse=True) - b_tail", "reverse=True)"),
    Mutant("products", "product", "o_block ^ (2**i)", "o_block ^ 1"),
    Mutant("products", "product", "b_after = b_after * b_factors[7 - i]", "b_after = b_after * b_factors[i]"),
    Mutant("products", "product", "b_delta * b_integral", "b_integral"),
    Mutant("products", "noisy_or", "b_inside = 1.0 - b_delta", "b_inside = b_delta"),
    Mutant("products", "mixture", "b_weight[None, :] * b_delta", "b_delta"),
    Mutant("products", "mixture", "tl.sum(b_credits[i], 1)", "tl.max(b_credits[i], 1)"),
    Mutant("dividends", "coverage", "tl.maximum(tl.sum(b_hit.to(tl.int32), 0), 1)", "tl.sum(b_hit.to(tl.int32) * 0 + 1, 0)"),
    Mutant("dividends", "coverage", "(i_part * STEPS + i_step) * BE", "i_part * STEPS * BE"),
    Mutant("dividends", "distinct", "1.0 / tl.maximum(b_same, 1)", "1.0 / tl.maximum(b_same, 2)"),
    Mutant("dividends", "additive", "scores.detach().to(", "(2 * scores).detach().to("),
    Mutant("dividends", "unanimity", "return coverage(sets", "return coverage(~sets"),
    Mutant("pairs", "pair_sums", "b_distance = tl.where(o_row != o_column, b_distance, 0.0)", "b_distance = b_distance"),
    Mutant("pairs", "pair_sums", "(o_row % K)[:, None] != o_column", "(o_row * 0 - 1)[:, None] != o_column"),
    Mutant("pairs", "pair_sums", "(b_all - 2 * b_own)", "(b_all - b_own)"),
    Mutant("pairs", "pair_sums", "b_total = tl.sum(b_sum, 1)[:, None] * 0.5", "b_total = tl.sum(b_sum, 1)[:, None]"),
    Mutant("counts", "size_sum", "b_alpha - (b_height - b_alpha)", "b_alpha + (b_height - b_alpha)"),
    Mutant("counts", "size_sum", "m_tile & (o_member < b_size)", "m_tile"),
    Mutant("counts", "cardinality", "(o_row < B)[:, None]\n    b_gain", "(o_row < 1)[:, None]\n    b_gain"),
    Mutant("counts", "separable", "b_gain / b_size.to", "b_gain / (b_size * 0 + 1).to"),
    Mutant("counts", "separable", "(b_there & (b_other == b_label))", "(b_other == b_label)"),
    Mutant("counts", "pass_at_k", "_no_hit(b_n - 1 - b_c, b_n - 1, M - 1)", "_no_hit(b_n - 1 - b_c, b_n - 1, M)"),
    Mutant("counts", "pass_at_k", "(o_size > M) &", "(o_size >= M) &"),
    Mutant("tokens", "scatter", "i_first + b_count - 1", "i_first + b_count"),
    Mutant("tokens", "spread", "b_middle = (b_segment + b_high + 1) // 2", "b_middle = (b_segment + b_high) // 2"),
    Mutant("tokens", "spread", "tl.where(b_inside, b_credit, 0.0)", "b_credit"),
    Mutant("table", "solve", "(o_player == LOW + i)", "(o_player == HIGH + i)"),
    Mutant("table", "solve", "_popcount(i_first) + _popcount(o_lane)", "_popcount(o_lane)"),
    Mutant("table", "solve", "b_bits = b_bits + (b_upper,)", "b_bits = b_bits + (b_values[0],)"),
    Mutant("table", "solve", "m_high, b_total[:, None], 0.0)", "m_high, b_part, 0.0)"),
]


@contextmanager
def loaded(form: str, folder: Path, right: str = "", wrong: str = "") -> Iterator[ModuleType]:
    """The kernel file with one replacement, its launchers no operators; Triton reads the source of a kernel from its file."""
    spec = importlib.util.find_spec(f"shapley_kernels.{form}.gpu")
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin).read_text(encoding="utf-8")
    if right:
        assert source.count(right) == 1, f"{right!r} stands {source.count(right)} times in {spec.name}"
        source = source.replace(right, wrong)
    file = folder / f"{form}_gpu.py"
    file.write_text(source, encoding="utf-8")
    altered = importlib.util.spec_from_file_location(file.stem, file)
    assert altered is not None
    assert altered.loader is not None
    module = importlib.util.module_from_spec(altered)
    with mock.patch("shapley_kernels.triton_launch.operator", return_value=lambda launcher: launcher):
        altered.loader.exec_module(module)
    with small_tiles(form, module):
        yield module


def run_checks(module: ModuleType, form: str, game: str) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        for dtype in (np.float32, np.float64):
            for members in sizes(form, game):
                arguments = inputs(form, game, rng, 3, members, dtype)
                check(getattr(module, game), specification(form, game), arguments, dtype)
    if (form, game) not in PACKED:
        check_nan(getattr(module, game), specification(form, game), form, game)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m.form}-{m.role}-{m.wrong[:24]}")
def test_mutant_is_refused(mutant: Mutant, tmp_path: Path) -> None:
    form, game, right, wrong = mutant
    with loaded(form, tmp_path, right, wrong) as module, pytest.raises((AssertionError, InterpreterError)):
        run_checks(module, form, game)


@pytest.mark.parametrize("form", sorted({form for form, _ in kernels()}))
def test_genuine_kernels_pass(form: str, tmp_path: Path) -> None:
    """As they are read here; the smallest sizes do, as test_gpu.py has all."""
    with loaded(form, tmp_path) as module:
        for name, game in kernels():
            if name == form:
                arguments = inputs(form, game, np.random.default_rng(0), 3, 2, np.float64)
                check(getattr(module, game), specification(form, game), arguments, np.float64)


def test_every_kernel_has_mutants() -> None:
    assert {(mutant.form, mutant.role) for mutant in MUTANTS} == set(kernels())
