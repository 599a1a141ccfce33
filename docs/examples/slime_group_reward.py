"""slime: the samples of a prompt earn together what their best one is worth, and a little for variety.

    pip install .                                 # a checkout of shapley_credit, in slime's image
    export PYTHONPATH=$PWD:$PYTHONPATH            # the folder of this file
    python train.py --group-rm --custom-rm-path slime_group_reward.reward \
        --advantage-estimator grpo --disable-grpo-std-normalization --n-samples-per-prompt 8 --label-key label ..

Each sample is paid its Shapley value in that reward, so that what the samples of a prompt are paid adds up to it.
"""

from __future__ import annotations

import re
from typing import Any

from shapley_credit import utilities as u
from shapley_credit.adapters.slime import group_reward


def last_number(text: str) -> int | None:
    """The answer that a response gives, None where there is no number."""
    found = re.findall(r"[0-9]+", text)
    return int(found[-1][:18]) if found else None


def score(text: str, label: str) -> float:
    """1 for the right answer, 0.1 for a wrong one, 0 for none."""
    number = last_number(text)
    return 0.0 if number is None else 1.0 if number == int(label) else 0.1


def best_and_variety(samples: list[Any]) -> Any:
    """The utility of the samples of one prompt. It may be `async def`."""
    scores = [score(sample.response, sample.label) for sample in samples]
    return u.Max(scores) + 0.05 * u.DistinctCount([last_number(sample.response) for sample in samples])


reward = group_reward(best_and_variety)
