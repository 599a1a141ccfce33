"""GAPO: a group of completions credited for its diversity (Anschel et al. 2025, 2511.12596).

The members are the completions of one prompt, their labels say which are the same answer. The published reward counts answers
within the group; its set utility, and others that need not know how many answers there are, are credited by Shapley values.

Where any text can be an answer, variety alone pays for gibberish: of the answers 0, 0, 0, 5, 6, 7 each 0 gets .05 for the
entropy of the group, and each of the others .36. With 0 as the only valid answer each 0 gets 0, and each of the others -1.

labels: [..., G], answers of any kind, compared by content: `inputs.labels` says which lists are groups and which are answers.
    None and NaN are missing, and never valid. `labels_of` makes labels of free text.
valid: flags [..., G], or a predicate, answer -> bool, called once for each different answer, a tuple for a list or an array.
    By default whatever is not missing is valid.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from shapley_credit.convert import Array, from_numpy
from shapley_credit.credit.tokens import token_advantages
from shapley_credit.errors import InputError
from shapley_credit.inputs.labels import Labels
from shapley_credit.methods.free_text import labels_of, read_valid
from shapley_credit.torch_compile import between_graphs
from shapley_credit.utilities.additive import Additive
from shapley_credit.utilities.classes import Entropy, _OfClasses
from shapley_credit.utilities.coverage import DistinctCount
from shapley_credit.utility import Utility
from shapley_credit.values import set_shapley

__all__ = ["DIVERSITIES", "diversity_credit", "diversity_utility", "frequency_reward", "gapo", "labels_of"]

DIVERSITIES = ("entropy", "distinct", "frequency")


@between_graphs
def frequency_reward(labels: Any, options: int, *, valid: Any = None) -> Any:
    """The published frequency-aware reward of GAPO.

        R_i = 1 - (f_i - 1/L) if answer i is valid, else -1;    f_i = #{valid j : answer j = answer i} / #{valid j}

    labels: [..., G], and valid, as the module says. options: L, the number of valid answers there are.

    Returns [..., G] float64. Cost O(G^2). Known weaknesses: L must be known, the reward of a group of one valid answer is
    1/L whatever the answer, and an invalid answer costs the same however many there are.
    Raises InputError for options < 1, labels that can't be compared, and valid of another shape or that says neither True nor
    False.
    Source: Anschel et al. (2025), Group-aware reinforcement learning for output diversity, section 3.

    >>> from shapley_credit.methods import gapo
    >>> gapo.frequency_reward([0, 0, 0, 1, 1, 2, 9], 4, valid=[1, 1, 1, 1, 1, 1, 0]).round(4)
    array([ 0.75  ,  0.75  ,  0.75  ,  0.9167,  0.9167,  1.0833, -1.    ])
    """
    read, good = read_valid(labels, valid)
    share = _share(options)
    same = (read.codes[..., :, None] == read.codes[..., None, :]) & good[..., None, :]
    frequency = same.sum(axis=-1) / np.maximum(good.sum(axis=-1, keepdims=True), 1)
    return from_numpy(np.where(good, 1 - (frequency - share), -1.0), read.library)


@between_graphs
def diversity_utility(labels: Any, *, utility: str = "entropy", options: int | None = None, valid: Any = None) -> Utility:
    """What a group of completions is worth for its diversity, as a set function of its valid members, less the invalid ones.

        entropy      -sum_c (n_c / n) ln(n_c / n) - m
        distinct     number of different answers - m
        frequency    n (1 + 1/L) - sum_c n_c^2 / n - m

    with n valid members of S, n_c of them with answer c, m invalid ones. The last is the sum of the published rewards of S.
    labels, options, valid: as in `frequency_reward`; L is needed for frequency alone. Cost of the credits O(G^2).
    Raises InputError for another name, for frequency without options, and as `frequency_reward`.

    >>> from shapley_credit.methods import gapo
    >>> gapo.diversity_utility([0, 0, 1, 9], utility="distinct", valid=[1, 1, 1, 0]).value([0, 1, 2, 3])
    1.0
    """
    return _diversity(*read_valid(labels, valid), utility, options)


@between_graphs
def diversity_credit(labels: Any, *, utility: str = "entropy", options: int | None = None, valid: Any = None) -> Any:
    """Shapley credit of every completion of a group for the diversity of the group.

        phi = Shapley value of `diversity_utility`

    labels, utility, options, valid: as there. For frequency and no invalid answers phi is affine in n_c, so that z-scored
    advantages equal those of the published reward; entropy and distinct need not know how many answers there are.

    Returns [..., G] float64, phi_i = 1 / n_c for distinct, -1 for an invalid answer. Cost O(G^2).
    Raises InputError as `diversity_utility`. Source: Anschel et al. (2025) for the problem; Shapley (1953) for the credit.

    >>> from shapley_credit.methods import gapo
    >>> gapo.diversity_credit(["red", "red", "blue", "qwrt"], utility="distinct", valid={"red", "blue"}.__contains__)
    array([ 0.5,  0.5,  1. , -1. ])
    """
    return set_shapley(diversity_utility(labels, utility=utility, options=options, valid=valid))


@between_graphs
def gapo(
    labels: Any,
    mask: Any,
    *,
    utility: str = "entropy",
    options: int | None = None,
    valid: Any = None,
    baseline: str = "mean",
    scale: str = "group_std",
    spread: str = "segment",
    cu_seqlens: Any = None,
) -> Any:
    """Token advantages of a group of completions that is rewarded for its diversity.

        A_it = (phi_i - b) / s at every trainable token t of completion i, phi the `diversity_credit`

    labels, utility, options, valid: as in `diversity_credit`, a group a row; mask: one row a completion, group after group, and
        cu_seqlens, as in `scatter_credit`. baseline, scale, spread: as in `token_advantages`; by default the z-score of GRPO,
        as published.

    Returns float32 in the layout of mask. Cost O(G^2) a group and O(tokens). Raises InputError as the functions named.
    Source: Anschel et al. (2025), 2511.12596.

    >>> from shapley_credit.methods import gapo
    >>> import numpy as np
    >>> gapo.gapo([[0, 0, 1]], np.array([[1, 1], [0, 1], [1, 0]]), utility="distinct", scale="none").round(3)
    array([[-0.167, -0.167],
           [ 0.   , -0.167],
           [ 0.333,  0.   ]], dtype=float32)
    """
    credit = diversity_credit(labels, utility=utility, options=options, valid=valid)
    size = credit.shape[-1]
    return token_advantages(
        credit.reshape(-1), mask, groups=size, baseline=baseline, scale=scale, spread=spread, cu_seqlens=cu_seqlens
    )


class _Frequency(_OfClasses):
    """n - sum_c n_c^2 / n: the number of members with a label, times the chance that two draws of them differ."""

    def definition(self, members: Array) -> float:
        _, counts = np.unique(self.known(members), return_counts=True)
        return float(counts.sum() - (counts**2).sum() / max(counts.sum(), 1))

    @staticmethod
    def worth(count: Array, size: Array) -> Array:
        return count - count**2 / size


def _diversity(labels: Labels, good: Array, utility: str, options: int | None) -> Utility:
    """Invalid members have no label, and their price is a term of its own."""
    if utility not in DIVERSITIES:
        raise InputError(f"utility must be one of {', '.join(DIVERSITIES)}; got {utility!r}.")
    if utility == "entropy":
        return Entropy(labels) + Additive(np.where(good, 0.0, -1.0))
    if utility == "distinct":
        return DistinctCount(labels) + Additive(np.where(good, 0.0, -1.0))
    if options is None:
        raise InputError("the frequency utility needs options=, the number of valid answers; entropy and distinct do not.")
    return _Frequency(labels) + Additive(np.where(good, _share(options), -1.0))


def _share(options: int) -> float:
    if isinstance(options, bool) or not isinstance(options, int | np.integer) or options < 1:
        raise InputError(f"options must be the whole number >= 1 of valid answers; got {options!r}.")
    return 1 / int(options)
