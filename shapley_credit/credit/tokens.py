"""Credits to tokens, on whatever layout the trainer holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from shapley_credit import dispatch
from shapley_credit.convert import Library
from shapley_credit.credit.baselines import BASELINES, FROM_OTHERS, NEEDS, of_others, statistics
from shapley_credit.credit.groups import read_batch
from shapley_credit.credit.layouts import Layout, agree, read_layout, read_ragged, same_rows
from shapley_credit.credit.segment_shares import read_completions, read_segments
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import one_of
from shapley_credit.inputs.tensors import numbers
from shapley_credit.torch_compile import between_graphs

SPREADS = ("segment", "token", "reward_to_go")


@between_graphs
def scatter_credit(values: Any, mask: Any, *, cu_seqlens: Any = None) -> Any:
    """Ragged rows of token credits written to the trainable tokens of a batch.

        out[i, t] = values[i][#{u < t : mask[i, u] != 0}] where mask[i, t] != 0, else 0

    values: for each completion as many numbers as it has trainable tokens, in order: a list or object array of lists, arrays or
        tensors, a matrix, or a jagged nested tensor.
    mask: nonzero for trainable tokens; [B, T] with any alignment, holes, prompt or shift, [T] for one completion, [M] packed
        with `cu_seqlens`, a list of rows [T_i], or a jagged nested tensor.
    cu_seqlens: int [B + 1], where each packed completion starts, from 0 to M.

    Returns float32 in the layout, array library and on the device of the mask. Cost O(tokens); no memory beyond the output,
    but a byte a token for a mask that is not boolean.
    Raises InputError that names the first completion whose values and trainable tokens differ in number, as after truncation.

    >>> import shapley_credit as sc
    >>> sc.scatter_credit([[1.0, 2.0], [3.0]], [[0, 1, 0, 1], [0, 0, 1]])
    [array([0., 1., 0., 2.], dtype=float32), array([0., 0., 3.], dtype=float32)]
    """
    layout = read_layout(mask, cu_seqlens)
    flat, sizes = read_ragged(values, "values")
    given = layout.xp.asarray(sizes, device=layout.mask.device)
    same_rows(len(sizes), layout, "values")
    agree(given, layout.counts, "values", "values, but {} trainable tokens in the mask")
    return written("scatter", layout, numbers(flat, "values", layout.mask, "float32"), layout.mask)


@between_graphs
def token_advantages(
    completion_credit: Any,
    mask: Any,
    *,
    segment_credit: Any = None,
    segment_lengths: Any = None,
    segment_order: Any = None,
    groups: Any = None,
    baseline: str | None = None,
    scale: str = "none",
    without: Any = None,
    floor: float = 1e-3,
    spread: str = "segment",
    cu_seqlens: Any = None,
) -> Any:
    """Advantages of tokens from credits of completions, of their segments, or of both.

        A_ij = (phi_ij + w_ij (c_i - sum_j phi_ij - b_i)) / s_i,      so that sum_j A_ij = (c_i - b_i) / s_i

    With c_i the credit of completion i, phi_ij that of its segment j, l_ij the number of its tokens; b_i and s_i as in
    `advantages`; w_ij the even share of what belongs to the whole completion. A token of segment j gets

        spread          at each token           w_ij
        segment         A_ij                    1 / number of segments
        token           A_ij / l_ij             l_ij / sum_j l_ij; the tokens of a segment add up to A_ij
        reward_to_go    sum_{j' >= j} A_ij'     1 for the segment of the last token, else 0; a segment is paid at its last token

    so that reward to go subtracts b_i whole at every decision. The first token of a segment is still the
    choice to end the one before: under reward to go it gets what the tokens of that one get.

    completion_credit: [B], c, NaN for the absent, whose tokens get 0; None for the sums of segment_credit.
    mask, cu_seqlens: as in `scatter_credit`. Tokens outside the mask get exactly 0.
    segment_credit: ragged [B][S_i], phi, in text order; None for one segment, the completion.
    segment_lengths: ragged [B][S_i] integers >= 0, l, each trainable token in one segment. The credit of a segment without
        tokens is shared by the others.
    segment_order: ragged [B][R_i], for segments in several stretches of neighbouring tokens: the segment of each stretch, from
        0; segment_lengths [B][R_i] are then those of the stretches. `SegmentedText.stretches` makes both.
    groups, baseline, scale, without, floor: as in `advantages`; without groups credits are used as they are, as advantages. The
        baseline is "mean" by default, and for reward_to_go "leave_one_out": one that sees the own completion is refused there,
        and a completion that is alone in its group gets 0. Baselines by length take the lengths of the mask.

    Returns float32 as `scatter_credit` does. Cost O(tokens + segments), and for b_i and s_i that of `advantages`.
    Raises InputError that names the first completion whose segments and trainable tokens differ in number, and as `advantages`.
    Source: with one segment a completion, Shao et al. (2024), GRPO; section 4.1.3 for rewards to go, which it baselines step by
        step.

    >>> import numpy as np, shapley_credit as sc
    >>> mask = np.array([[0, 1, 1, 0, 1], [1, 1, 0, 0, 0]])
    >>> sc.token_advantages([1.0, 3.0], mask, groups=["a", "a"])
    array([[ 0., -1., -1.,  0., -1.],
           [ 1.,  1.,  0.,  0.,  0.]], dtype=float32)
    >>> sc.token_advantages(None, mask, segment_credit=[[4.0, 1.0], [3.0]], segment_lengths=[[2, 1], [2]], spread="token")
    array([[0. , 2. , 2. , 0. , 1. ],
           [1.5, 1.5, 0. , 0. , 0. ]], dtype=float32)
    """
    one_of(spread, SPREADS, "spread")
    if baseline is not None:
        one_of(baseline, BASELINES, "baseline")
    layout = read_layout(mask, cu_seqlens)
    segments = read_segments(layout, completion_credit, segment_credit, segment_lengths, segment_order)
    credit = segments.sums(segments.credit) if completion_credit is None else read_completions(completion_credit, layout)
    accumulates = spread == "reward_to_go"
    below, over = 0.0 * credit, 0.0 * credit + 1.0
    if groups is not None:
        rule = of_others(baseline) if accumulates else "mean" if baseline is None else baseline
        trained = layout.counts if NEEDS.get(rule) == "lengths" else None
        batch = read_batch(credit, groups, rule, scale, floor, lengths=trained, without=without).of(credit)
        below, over = statistics(batch, rule, scale, floor)
        # A completion that is alone in its group has no baseline from others: it counts as absent.
        if accumulates and rule in FROM_OTHERS:
            credit = layout.xp.where(batch.alone, float("nan"), credit)
    elif baseline is not None or not isinstance(scale, str) or scale != "none" or without is not None:
        raise InputError("baseline=, scale= and without= need groups; without groups, credits are used as they are.")
    if accumulates:
        paid = segments.pay(credit, below, over, 1.0 * segments.final)
        each, tokens = segments.to_go(paid), segments.decisions
    else:
        tokens = segments.stretches
        paid = segments.pay(credit, below, over, segments.lengths if spread == "token" else 1.0 * (segments.lengths > 0.0))
        each = (paid / segments.lengths.clip(min=1.0) if spread == "token" else paid)[segments.owners]
    return written("spread", layout, numbers(each, "credit", layout.mask, "float32"), tokens, layout.mask)


def written(game: str, layout: Layout, *arguments: Any) -> Any:
    """The tokens of a batch by a kernel of the form, in the layout of the caller."""
    role = dispatch.role(_library(layout))
    kernel = _ON_DEVICE[game] if layout.xp is not np and role != "gpu" else dispatch.kernel("tokens", game, role)
    return layout.give_back(kernel(*arguments))


def _library(layout: Layout) -> Library | None:
    """Where the tokens are, None for the memory of the host."""
    return None if layout.xp is np else Library(layout.xp.__name__, layout.xp.from_dlpack, layout.mask.device)


def _scatter(values: Any, mask: Any) -> Any:
    out = values.new_zeros(mask.shape)
    out[mask] = values
    return out


def _spread(credit: Any, lengths: Any, mask: Any) -> Any:
    return _scatter(credit.repeat_interleave(lengths), mask)


# The kernels of the form as torch operations, for accelerators without Triton.
_ON_DEVICE: dict[str, Callable[..., Any]] = {"scatter": _scatter, "spread": _spread}
