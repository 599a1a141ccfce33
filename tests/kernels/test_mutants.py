"""The suite must refuse wrong kernels: each mutant below differs from a kernel in one place.

A mutant is refused when a golden case or the comparison with the specification fails on it. The kernels themselves must pass
the same checks in the same way, run as plain Python.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
from collections.abc import Iterator
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
import pytest

import golden
from finite_sizes import SIZES as REFUSING
from golden import built_cases, check_case
from kernel_checks import check
from kernel_inputs import GAMES, SIZES, inputs
from kernel_mutants import Mutant
from roles import import_kernels, replacing, using
from shapley_kernels.kernel_errors import NotFiniteError

pytestmark = pytest.mark.numba


MUTANTS = [
    Mutant("thresholds", "ref", "np.arange(members, 0, -1", "np.arange(members + 1, 1, -1"),
    Mutant("thresholds", "ref", "rises = scores - base[:, None]", "rises = scores"),
    Mutant("thresholds", "ref", "shares * weights[:, :, None]", "shares"),
    Mutant(
        "thresholds",
        "cpu",
        "(a, b, c, d, e, f, g, h), masks = sorted_eight((a, b, c, d, e, f, g, h))",
        "_, masks = sorted_eight((a, b, c, d, e, f, g, h))",
    ),
    Mutant("thresholds", "cpu", "c_5 = c_4 + (f - e) * w_3", "c_5 = c_4 + (f - e) * w_4"),
    Mutant("thresholds", "cpu", "c_7 = restored_eight((c_0,", "c_7 = restored_eight((c_1,"),
    Mutant(
        "thresholds",
        "cpu",
        "(height - before) * splat(real(1 / (members - q)))",
        "(height - before) * splat(real(1 / members))",
    ),
    Mutant("thresholds", "ref", " + 0 * rises", ""),
    Mutant("thresholds", "cpu", "multiply_add(d, zero, nothing)", "nothing"),
    Mutant("thresholds", "cpu", "nothing = _solve(b_scores, 0, 8", "_solve(b_scores, 0, 8"),
    Mutant("thresholds", "cpu", "nothing = multiply_add(height, zero, nothing)", "pass"),
    Mutant("thresholds", "cpu", "score - lanes, zero, nothing", "maximum(score, lanes), zero, nothing"),
    Mutant("thresholds", "cpu", "nothing += height * real(0)", "pass"),
    Mutant("thresholds", "cpu", "first + 2 * span - 1 - i)", "first + span + i)"),
    Mutant("thresholds", "cpu", "while half >= RUN:", "while half > RUN:"),
    Mutant("thresholds", "cpu", "        for i in range(0, rows, RUN):\n            merge_run(keys, 8 * i)\n", ""),
    Mutant("thresholds", "cpu", "i = min(first, members - 8)", "i = first"),
    Mutant("thresholds", "cpu", "    restore(heights, masks)", "    pass"),
    Mutant("thresholds", "cpu", "f, zero), _only(members > 6, g, zero), zero", "f, zero), g, zero"),
    Mutant("thresholds", "cpu", "(high - first - 7) * members >= 8", "high - first >= 8"),
    Mutant("thresholds", "cpu", "b_scores[lane, i] = scores[first + lane, i]", "b_scores[lane, i] = scores[first, i]"),
    Mutant("thresholds", "cpu", "i = min(row, height - 8)", "i = row"),
    Mutant("thresholds", "cpu", "j = min(column, width - 8)", "j = min(column, width - 9)"),
    Mutant("thresholds", "cpu", "splat(np.uint32(i))", "splat(np.uint32(0))"),
    Mutant("thresholds", "cpu", "load(places, i)", "load(places, 0)"),
    Mutant("thresholds", "cpu", "            put_right(b_sorted, keys, zero)\n", ""),
    Mutant("thresholds", "cpu", "b_sorted[q, lane] * b_weight[lane]", "b_sorted[q, lane]"),
    Mutant("thresholds", "cpu", "wrong = exceeds(before, height)", "wrong = 0"),
    Mutant("thresholds", "cpu", "unsorted |= wrong", "unsorted |= 0"),
    Mutant("thresholds", "cpu", "        step //= 3\n", "        step //= 4\n"),
    Mutant("thresholds", "cpu", "(members - 1).bit_length()", "(members - 1).bit_length() - 1"),
    Mutant("thresholds", "cpu", "keys[members:] = np.uint32(0xFFFFFFFF)", "keys[members:] = np.uint32(0)"),
    Mutant("thresholds", "cpu", "max(scores[group, i, first + lane], zero)", "max(scores[group, i, lane], zero)"),
    Mutant("thresholds", "cpu", "maximum(load(scores, o + i * elements), splat(zero))", "load(scores, o + i * elements)"),
    Mutant("thresholds", "cpu", "share += (height - before) * real", "share += height * real"),
    Mutant("thresholds", "cpu", "credit[member] = share", "credit[q] = share"),
    Mutant("thresholds", "cpu", "max(rows[j, i], real(0))", "rows[j, i]"),
    Mutant("thresholds", "cpu", "b_share[i] * weight", "b_share[i]"),
    Mutant("thresholds", "cpu", "weights[group * s_weights, first + j]", "weights[0, first + j]"),
    Mutant("thresholds", "cpu", "floor = base[group * s_base]", "floor = base[0]"),
    Mutant("dividends", "ref", "at_least(size, 1)", "at_least(size, 2)"),
    Mutant("dividends", "cpu", "max(size[element], 1)", "members"),
    Mutant("dividends", "cpu", "(label[j] == label[i]) & here[j]", "label[j] == label[i]"),
    Mutant("dividends", "cpu", 'side="right"', 'side="left") + 1 + 0 * (0'),
    Mutant("ranks", "ref", "/ ranks[1:]", "/ ranks[:-1]"),
    Mutant("dividends", "ref", "return coverage(sets, weights)", "return coverage(~sets, weights)"),
    Mutant("products", "ref", "return xp.sum(", "return xp.max("),
    Mutant("ranks", "ref", "* (s + 1) / pairs", "* (s + 1) / (pairs + 1)"),
    Mutant("ranks", "ref", "drop = then[..., 1:] - now[..., :-1]", "drop = then[..., 1:] - now[..., 1:]"),
    Mutant("counts", "ref", "(then[..., 1:] - now[..., :-1])", "(then[..., 1:] - now[..., 1:])"),
    Mutant("counts", "ref", "2 if t == kind else int(kind < t)", "2 if t == kind else 0"),
    Mutant("counts", "ref", "[among, among - 1, among - 1]", "[among, among - 1, among]"),
    Mutant("counts", "ref", "np.prod(shape[kind + 1 :])", "np.prod(shape[kind:])"),
    Mutant("counts", "ref", "gain / xp.astype(size, xp.float64), 0.0)", "gain, 0.0)"),
    Mutant("counts", "ref", "diagonal(means, offset=-1)", "diagonal(means, offset=1)"),
    Mutant("counts", "ref", "below[..., :-1] + y * whole[..., 1:], 1.0)", "below[..., 1:] + y * whole[..., 1:], 1.0)"),
    Mutant("counts", "ref", "place + steps[:, i : i + 1]) - later", "place - steps[:, i : i + 1]) - later"),
    Mutant("counts", "ref", "first[:, None, :] & ~same", "~same"),
    Mutant("counts", "ref", "slope = alpha - (height - alpha)", "slope = alpha + (height - alpha)"),
    Mutant("pairs", "ref", "- 2 * own", "- own"),
    Mutant("products", "ref", "t * inside + one_minus_t * outside", "one_minus_t * inside + t * outside * 0.5"),
    Mutant("products", "ref", "1 + 0 * chances", "0 * chances"),
    Mutant("ranks", "cpu", "(exceeds(i, j) & ~exceeds(x, y))", "exceeds(y, x)"),
    Mutant("ranks", "cpu", "* load(b_rates, 8 * (members + q))", "* load(b_rates, 8 * q)"),
    Mutant("ranks", "cpu", "if row != filled[lane]:", "if filled[lane] < 0:"),
    Mutant("ranks", "cpu", "if first == low or rows.shape[0] > 1:", "if first == low:"),
    Mutant("ranks", "cpu", "    restore(b_credit, masks)", "    pass"),
    Mutant("ranks", "cpu", "width if s_keys else members", "width"),
    Mutant("ranks", "cpu", "-keys[group * s_keys, i]", "keys[group * s_keys, i]"),
    Mutant("ranks", "cpu", "else np.inf  # last", "else -np.inf  # last"),
    Mutant("ranks", "cpu", "row = rows[group * s_rows]", "row = rows[0]"),
    Mutant("ranks", "cpu", "better += gain * rates[row, 2, q]", "better += gain * rates[row, 1, q]"),
    Mutant("ranks", "cpu", "worse += gains[group, member]", "worse += gains[group, q]"),
    Mutant("ranks", "cpu", "credit[group, member] + worse if here else zero", "credit[group, member] + worse"),
    Mutant("ranks", "cpu", "~pattern if pattern >= SIGN", "pattern if pattern >= SIGN"),
    Mutant("ranks", "cpu", "bits >>= DIGIT", "bits >>= HALF"),
    Mutant("ranks", "cpu", "start += count", "start = count"),
    Mutant("ranks", "cpu", "np.uint64(VALUES - 1)] == members:", "np.uint64(VALUES - 1)] > 0:"),
    Mutant("ranks", "cpu", "np.uint64(digit) * DIGIT", "np.uint64(digit % 3) * DIGIT"),
    Mutant("ranks", "cpu", "        entries, others = others, entries\n", ""),
    Mutant("ranks", "cpu", "numbers[order[place - 1] & INDEX] > number", "numbers[order[place - 1] & INDEX] >= number"),
    Mutant("ranks", "cpu", "            return False\n", "            return True\n"),
    Mutant("ranks", "cpu", "numbers[i] += 0.0", "pass"),
    Mutant("ranks", "cpu", "<< HALF | np.uint64(i)", ">> HALF | np.uint64(i)"),
    Mutant("ranks", "cpu", "& ~INDEX | i\n", "& ~INDEX | np.uint64(q)\n"),
    Mutant("ranks", "cpu", "    repeat(b_gains, masks)", "    pass"),
    Mutant("ranks", "cpu", "splat(keys.dtype.type(-np.inf))", "splat(keys.dtype.type(0))"),
    Mutant("ranks", "cpu", "        _exchange(b_gains, pairs, masks, q)\n", "        pass\n"),
    Mutant("ranks", "cpu", "b_keys[i, lane] = -np.inf", "b_keys[i, lane] = np.inf"),
    Mutant("ranks", "cpu", "(discounts[row, q] - total / q) / (q + 1)", "(discounts[row, q] - total / q) / q"),
    Mutant("ranks", "cpu", "if count == 1:", "if True:"),
    Mutant("ranks", "cpu", "d[s, 1 - worse :]", "d[s]"),
    Mutant("ranks", "cpu", "s / (n * (n - 1)) * change", "change / n"),
    Mutant("products", "cpu", "multiply_add(t, a, one_minus_t * b)", "multiply_add(t, a, t * b)"),
    Mutant("products", "cpu", "multiply_add(t, a, one_minus_t), ", "multiply_add(t, a, t), "),
    Mutant("products", "cpu", "multiply_add(t_2, a, one_minus_t_2)\n", "multiply_add(t_2, a, one_minus_t)\n"),
    Mutant("products", "cpu", "load(before, 16 * i + 8) * p_2)", "load(before, 16 * i + 8) * p)"),
    Mutant("products", "cpu", "b_change[:] = 0  # games", "pass  # games"),
    Mutant("products", "cpu", "one - load(b_chance, 8 * i)", "one"),
    Mutant("products", "cpu", "width if s_outside else members", "width"),
    Mutant("products", "cpu", "                store(b_chance, 8 * i, zero)\n", "                pass\n"),
    Mutant("products", "cpu", "w * (f_45 * f_67), w * (f_01 * f_23)", "w * (f_45 * f_67), f_01 * f_23"),
    Mutant("products", "cpu", "high * f_67, high * f_45", "high * f_45, high * f_67"),
    Mutant("products", "cpu", "multiply_add(g_23, f_2, s_3)", "multiply_add(g_23, f_3, s_3)"),
    Mutant("products", "cpu", "multiply_add(t, a_6, u)", "multiply_add(t, a_5, u)"),
    Mutant("products", "cpu", "s_7 * p_7", "s_7 * p_6"),
    Mutant("products", "cpu", "[1, 1, 0]", "[1, 1, 1]"),
    Mutant("counts", "ref", "m * (free - forced) * harmonic", "m * free * harmonic"),
    Mutant("counts", "ref", "np.where(sizes > m,", "np.where(sizes >= m,"),
    Mutant("counts", "cpu", "quadrature.rule(classes, np", "quadrature.rule((classes + 1) // 2, np"),
    Mutant(
        "counts",
        "cpu",
        "quadrature.rule(members, np.dtype(np.float64))\n    credit = np.empty",
        "quadrature.nodes(2)\n    credit = np.empty",
    ),
    Mutant("counts", "cpu", "range(spans[0, classes], spans[1, classes])", "range(spans[0, 2], spans[1, 2])"),
    Mutant("counts", "cpu", "p /= total", "p /= 1.0"),
    Mutant("counts", "cpu", "chance *= (n - x) * odds / (x + 1)", "chance *= (n - x) * odds / n"),
    Mutant("counts", "cpu", "((1 - y) * q[c, x - 1] + y * q[c, x])", "q[c, x - 1]"),
    Mutant("counts", "cpu", "p[x] * max(n - x, 0) / (n * one_minus_t)", "p[x]"),
    Mutant("counts", "cpu", "draw_one(chance, s, n - 1, a)", "draw_one(chance, s, n - 1, a - 1)"),
    Mutant("counts", "cpu", "given - known[n, a, 1]", "given"),
    Mutant("counts", "cpu", "gain / same if", "gain if"),
    Mutant("counts", "cpu", "then[total + step] += t * here[total]", "then[total] += t * here[total]"),
    Mutant("counts", "cpu", "one_minus_t * after[i, total] + t * after", "t * after[i, total] + one_minus_t * after"),
    Mutant("counts", "cpu", "while here[end] < SMALLEST", "while here[end] < 0.02"),
    Mutant("counts", "cpu", "h[s], h[s + 1, 1:], min(s, a - 1) + 1)", "h[s], h[s + 1, 1:], min(s, a - 1))"),
    Mutant("counts", "cpu", "max(0, s - earlier), min", "max(1, s - earlier), min"),
    Mutant("counts", "cpu", "earlier[u + 1] = earlier[u] + at[0, u]", "earlier[u + 1] = earlier[u]"),
    Mutant("counts", "cpu", "counts[kind] -= 1\n", "pass\n"),
    Mutant("counts", "cpu", "at[0, u] * strides[u]", "at[0, u] * strides[0]"),
    Mutant("counts", "cpu", "table[place + step :]", "table[place + 1 :]"),
    Mutant("counts", "cpu", "strides[kind], at) / n", "strides[kind], at)"),
    Mutant("counts", "cpu", "(drawn - s) + joined * s", "(drawn - s) + joined"),
    Mutant("counts", "cpu", "alpha - (f[row, n] - alpha)", "alpha - f[row, n]"),
    Mutant("counts", "cpu", "if s_f or size != known:", "if known < 0:"),
    Mutant("counts", "cpu", "if s_f or size != known:", "if size != known:"),
    Mutant("counts", "cpu", "(f[group, size] - f[group, 0])", "f[group, size]"),
    Mutant("counts", "cpu", "mean = total / scores.dtype.type(max(size, 1))", "mean = total / members"),
    Mutant("counts", "cpu", "_no_hit(n - c, n - 1, m) * harmonic) / n", "_no_hit(n - c, n, m) * harmonic) / n"),
    Mutant("counts", "cpu", "if n != size:", "if size < 0:"),
    Mutant("gaps", "ref", "p[:, :-1] + p[:, 1:]", "p[:, :-1]"),
    Mutant("gaps", "ref", "< theta[:, None, None]", "<= theta[:, None, None]"),
    Mutant("gaps", "ref", "gaps = distances - xp.concat", "gaps = distances + 0 * xp.concat"),
    Mutant("gaps", "ref", "(xp.astype(size, xp.float64)[:, None] - 1)", "(members - 1)"),
    Mutant("gaps", "cpu", "x[j] - x[low] >= theta", "x[j] - x[low] > theta"),
    Mutant("gaps", "cpu", "sets[j, s] + sets[before[j], s - 1]", "sets[j, s] + sets[j, s - 1]"),
    Mutant("gaps", "cpu", "worth[j + 1, s] + worth[after[j], s + 1]", "worth[j + 1, s] + worth[after[j], s]"),
    Mutant("gaps", "cpu", "credit[group, here[order[j]]]", "credit[group, here[j]]"),
    Mutant("pairs", "ref", "/ 2\n", "\n"),
    Mutant("pairs", "cpu", "if j != i else zero", "if j >= 0 else zero"),
    Mutant("pairs", "cpu", "if j != near:", "if j >= 0:"),
    Mutant("pairs", "cpu", "if s_f or size != known:", "if known < 0:"),
    Mutant("pairs", "cpu", "if s_f or size != known:", "if size != known:"),
    Mutant("pairs", "cpu", "(f[row, n] - 2 * own)", "(f[row, n] - own)"),
    Mutant("tokens", "ref", "    out[mask] = values", "    out.T[mask.T] = values"),
    Mutant("tokens", "ref", "np.repeat(credit, lengths)", "np.repeat(credit[::-1], lengths)"),
    Mutant("tokens", "cpu", "while ends[segment] <= j:", "if ends[segment] <= j:"),
    Mutant("tokens", "cpu", "= ends - counts", "= ends - counts[::-1]"),
    Mutant("tokens", "cpu", "within = last == j or last <= ends[segment]", "within = last == j or j <= ends[segment]"),
    Mutant("tokens", "cpu", "if after > ends[segment]:", "if after > ends[segment] + 1:"),
    Mutant("tokens", "cpu", "b_mask >>= np.uint64(8)", "pass"),
    Mutant("tokens", "cpu", "                j = after\n", ""),
    Mutant("tokens", "cpu", "            j = last\n", ""),
    Mutant("tokens", "cpu", "_spread_some(credit, ends, mask, out, row, whole, tokens, j, segment)", "pass"),
    Mutant("tokens", "cpu", "expand(values, j, eight)", "choose(eight, load(values, j), splat(zero))"),
    Mutant("tokens", "cpu", "j += BLOCK", "j += 8"),
    Mutant("tokens", "cpu", "j += ones(np.uint64(eight))", "j += 8"),
    Mutant("tokens", "cpu", "for i in range(whole, tokens):", "for i in range(whole, tokens - 1):"),
    Mutant("table", "ref", "comb(n - 2, s - 1)", "comb(n - 1, s - 1)"),
    Mutant("table", "ref", "folded = lower + upper", "folded = lower"),
    Mutant(
        "table", "cpu", "a_1 = multiply_add(u_1, x_2, multiply_add(u_2, x_3 + x_6, a_1))", "a_1 = multiply_add(u_1, x_2, a_1)"
    ),
    Mutant("table", "cpu", "(x_2 + x_4) + x_1", "(x_2 + x_4)"),
    Mutant("table", "cpu", "size + _size(b)", "size"),
    Mutant("table", "cpu", "a_4 + ((t_2 + t_6) + (t_3 + t_7))", "a_4 + ((t_2 + t_6) + (t_1 + t_7))"),
    Mutant("table", "cpu", "range(1, sums.shape[0])", "range(2, sums.shape[0])"),
    Mutant("table", "cpu", "a[i] = folded[i - 3]", "a[i] = folded[i - 4]"),
    Mutant("table", "cpu", "nothing += np.float64(credit[game, i]) * 0.0", "pass"),
    Mutant("table", "cpu", "weighted[s] += weighted[half + s]", "weighted[s] += 0.0"),
]


# Sizes that reach every branch, and limits above which kernels take another way, lowered to what plain Python can reach.
CHECKED = {
    ("table", "solve"): (3, 8, 10, 12),
    ("thresholds", "airport"): (1, 3, 8, 13, 37, 70, 71),
    ("thresholds", "facility"): (3, 8, 13, 37, 70),
    ("ranks", "discounted"): (3, 8, 13, 20, 37),
    ("ranks", "sized"): (3, 5, 20, 27),
    ("tokens", "scatter"): (8, 63, 70, 140, 200),
    ("tokens", "spread"): (8, 63, 70, 140, 200),
}
LOWERED = [
    ("CHUNK_LIMIT = 16", "CHUNK_LIMIT = 11"),
    ("KEYS_LIMIT = 4096", "KEYS_LIMIT = 64"),
    ("NETWORK_LIMIT = 128", "NETWORK_LIMIT = 24"),
]


# Modules whose compiled functions the kernels of a form call, or hand on, besides those of their own file.
TOOLS = (
    "shapley_kernels.compiled.tiles",
    "shapley_kernels.compiled.sorted_heights",
    "shapley_kernels.compiled.radix_sort",
    "shapley_kernels.compiled.urn_draws",
)
PARTS = {
    "counts": ("shapley_kernels.counts.class_counts", "shapley_kernels.counts.type_counts"),
    "ranks": ("shapley_kernels.compiled.radix_sort",),
    "thresholds": (
        "shapley_kernels.compiled.tiles",
        "shapley_kernels.compiled.sorted_heights",
        "shapley_kernels.thresholds.up_to_eight",
        "shapley_kernels.thresholds.above_4096",
    ),
}


def load(form: str, role: str, right: str = "", wrong: str = "") -> ModuleType:
    """The kernel file as plain Python, with one replacement in it or in another file of its form."""
    name, parts = f"shapley_kernels.{form}.{role}", PARTS.get(form, ()) if role == "cpu" else ()
    sources = {module: source_of(module) for module in (name, *parts)}
    if right:
        counts = {module: source.count(right) for module, source in sources.items()}
        assert sum(counts.values()) == 1, f"{right!r} stands {sum(counts.values())} times in {name}"
        sources = {module: source.replace(right, wrong) for module, source in sources.items()}
    for limit, lowered in LOWERED:
        sources = {module: source.replace(limit, lowered) for module, source in sources.items()}
    plain: dict[str, ModuleType] = {}
    for module in dict.fromkeys((*TOOLS, *parts, name)):
        plain[module] = run_plain(module, sources.get(module) or source_of(module), plain)
    return plain[name]


def source_of(name: str) -> str:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    source: str = spec.loader.get_source(name)  # type: ignore[union-attr]
    return source


def run_plain(name: str, source: str, others: dict[str, ModuleType]) -> ModuleType:
    """The module with nothing compiled, on top of others like it."""
    import_kernels()
    spec = importlib.util.find_spec(name)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    with contextlib.ExitStack() as stack:
        for decorator in ("jit", "jit_reassociated"):
            stack.enter_context(mock.patch(f"shapley_kernels.compiled.jit.{decorator}", lambda function: function))
        stack.enter_context(mock.patch.dict("sys.modules", others))
        for other, plain in others.items():  # `from package import module` asks the package first
            package, _, attribute = other.rpartition(".")
            stack.enter_context(mock.patch.object(importlib.import_module(package), attribute, plain, create=True))
        exec(compile(source, name, "exec"), module.__dict__)
    return module


def run_checks(form: str, module: ModuleType) -> None:
    """Golden cases of the families that use the form, then the specification at sizes that reach every branch."""
    with using("ref"), replacing(form, module):
        for case in small_cases():
            check_case(case, np.float64, "mutants") if uses(case, form) else None
    if hasattr(module, "sort_rows"):
        check_sort(module.sort_rows)
    if hasattr(module, "ascending"):
        check_order(module.room_for_order, module.ascending)
    rng = np.random.default_rng(5)
    for name, game in GAMES:
        if name == form:
            sizes = CHECKED.get((name, game), (3, 5) if (name, game) in SIZES else (3, 8, 11, 13, 70))
            groups = 3 if form == "table" else 11  # more than the lanes of a vector, and room behind eight small ones
            for members in [*sizes] * 5:
                arguments = inputs(name, game, rng, groups, members, np.float64)
                specification = getattr(importlib.import_module(f"shapley_kernels.{form}.ref"), game)
                check(getattr(module, game), specification, arguments, np.float64, groups, members)
            if (name, game) in REFUSING:
                for members in sizes:
                    check_refusal(getattr(module, game), inputs(name, game, rng, 11, members, np.float64))


def check_sort(sort: Any) -> None:
    """Keys of any number of runs; what is put in order later, at a cost, hides what is out of order here."""
    rng = np.random.default_rng(7)
    for runs in (1, 2, 3, 4, 5, 7, 11):
        keys = rng.integers(0, 1 << 32, (16 * runs, 8), np.uint32)
        truth = np.sort(keys, axis=0)
        sort(keys)
        assert np.array_equal(keys, truth)


def check_order(room: Any, ascending: Any) -> None:
    """Orders of numbers that differ early, late, hardly or not at all, of either sign."""
    rng = np.random.default_rng(8)
    near = 1e6 + rng.permutation(70) * 1e-9
    for numbers in (
        rng.normal(size=70),
        rng.normal(size=70) * 10.0 ** rng.integers(-320, 308, 70),
        rng.choice([-np.inf, -1.0, -0.0, 0.0, 5e-324, 1.0, np.inf], 70),
        np.append(near, -near),
        near[:9],
        np.ones(3),
        np.zeros(1),
    ):
        filled, *scratch = room(len(numbers))
        filled[:] = numbers
        found = [int(entry) & 0xFFFFFFFF for entry in ascending(filled, *scratch)]
        assert found == np.argsort(numbers, kind="stable").tolist()


def check_refusal(game: Any, arguments: tuple[Any, ...]) -> None:
    """Data that are not finite, in any column, are refused, by the specification with credits that show it."""
    right, *others = arguments
    for place in range(right.shape[1]):
        wrong = right.copy()
        wrong[(8 + place) % len(wrong), place] = -np.inf
        finite = np.zeros(1)
        with contextlib.suppress(NotFiniteError):
            finite = np.isfinite(game(wrong, *others))
            assert game.__module__.endswith("ref")
        assert not finite.all()


def small_cases() -> Iterator[golden.Case]:
    yield from (case for case in built_cases() if case["n"] <= 6)


def uses(case: golden.Case, form: str) -> bool:
    utility, _ = golden.utility_of(case)
    return any(problem.form == form for _, term in utility.terms() for problem in term.reduce())


@contextlib.contextmanager
def quiet_record() -> Iterator[None]:
    """Mutants' errors do not belong into the table of largest errors."""
    with mock.patch("golden.record"), np.errstate(all="ignore"):
        yield


@pytest.mark.parametrize(("form", "role"), sorted({(mutant.form, mutant.role) for mutant in MUTANTS}))
def test_genuine_kernels_pass(form: str, role: str) -> None:
    with quiet_record():
        run_checks(form, load(form, role))


def test_keys_are_sorted() -> None:
    from shapley_kernels.compiled.tiles import sort_rows

    check_sort(sort_rows)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m.form}-{m.role}-{m.wrong[:24]}")
def test_mutant_is_refused(mutant: Mutant) -> None:
    module = load(*mutant)
    with quiet_record(), pytest.raises((AssertionError, ValueError, IndexError)):
        run_checks(mutant.form, module)


def test_every_form_has_mutants_of_both_roles() -> None:
    assert {(mutant.form, mutant.role) for mutant in MUTANTS} == {(form, role) for form, _ in GAMES for role in ("ref", "cpu")}


def test_the_list_is_read_as_written() -> None:
    with pytest.raises(AssertionError, match="stands 0 times"):
        load("table", "ref", "no such text", "")
