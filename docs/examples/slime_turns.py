"""slime: rewards by turn for an agent that calls tools, and credit by what each turn leads to.

    pip install .                                 # a checkout of shapley_credit, in slime's image
    export PYTHONPATH=$PWD:$PYTHONPATH            # the folder of this file
    echo 'shapley_credit: {baseline: leave_one_out}' > credit.yaml
    python train.py --custom-generate-function-path generate_with_search.generate --custom-rm-path slime_turns.reward \
        --custom-reward-post-process-path shapley_credit.adapters.slime.post_process_turns \
        --custom-advantage-function-path shapley_credit.adapters.slime.compute_advantages \
        --custom-config-path credit.yaml --n-samples-per-prompt 8 --label-key label ..

The generate function is yours, or one of slime's examples; what it needs to do is to set `loss_mask` to 0 where a tool answers.
"""

from __future__ import annotations

from functools import cache
from itertools import groupby
from typing import Any

from transformers import AutoTokenizer


@cache
def tokenizer(path: str) -> Any:
    return AutoTokenizer.from_pretrained(path)


def runs(args: Any, sample: Any) -> list[tuple[bool, str]]:
    """The texts of the turns, which are trained, and of the answers between them, in order."""
    response = sample.tokens[len(sample.tokens) - sample.response_length :]
    mask = sample.loss_mask or [1] * len(response)
    parts = groupby(zip(mask, response, strict=True), key=lambda pair: bool(pair[0]))
    return [(trained, tokenizer(args.hf_checkpoint).decode([token for _, token in part])) for trained, part in parts]


async def reward(args: Any, sample: Any, **_: Any) -> float:
    """1 for a rollout whose last turn holds the right answer, and 0.2 for a turn whose tool finds it."""
    earned: list[float] = []
    said = ""
    for trained, text in runs(args, sample):
        if trained:
            earned.append(0.0)
            said = text
        elif earned:
            earned[-1] += 0.2 * (sample.label in text)
    if earned:
        earned[-1] += float(sample.label in said)
    sample.metadata["turn_rewards"] = earned
    return sum(earned)
