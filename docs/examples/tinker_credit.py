"""Tinker: a loop of your own that pays whole answers, turns or sentences.

    pip install . tinker tinker-cookbook          # in a checkout of shapley_credit
    export TINKER_API_KEY=..
    CREDIT=group python tinker_credit.py          # or CREDIT=turns, or CREDIT=sentences; MODEL=.. for another model

group: the answers to a question earn together what their best one is worth, and a little for variety.
turns: after each answer the model is asked for more, and each turn is paid for what it leads to.
sentences: every sentence of an answer is paid its Owen value, paragraphs being unions of sentences.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import tinker
from shapley_credit import utilities as u
from shapley_credit.adapters import tinker as adapter
from shapley_credit.credit import segments
from shapley_credit.credit.completions import segment_completions
from shapley_credit.methods import ospo
from tinker_cookbook.completers import TinkerTokenCompleter
from tinker_cookbook.rl.data_processing import assemble_training_data
from tinker_cookbook.rl.rollouts import do_group_rollout
from tinker_cookbook.rl.types import Env, EnvGroupBuilder, StepResult

MODEL = os.environ.get("MODEL", "Qwen/Qwen3.5-9B-Base")
CREDIT = os.environ.get("CREDIT", "group")
STEPS = int(os.environ.get("STEPS", "10"))

QUESTIONS = ["Name a bird and say where it lives.", "Why is the sky blue?"]
TURNS = 3 if CREDIT == "turns" else 1
STOP = ["\nQuestion:"]

# Up to the end of a sentence or of a line, with the white space behind it, so that nothing is left between two sentences.
SENTENCES = segments.matching(r"[^.!?\n]*[.!?\n]+\s*|[^.!?\n]+")


def score(text: str) -> float:
    """Your reward model. Here: how many different words there are."""
    return float(len(set(text.lower().split())))


class Talk(Env):  # type: ignore[misc]
    """One answer to a question, or several in a row."""

    def __init__(self, question: str, tokenizer: Any) -> None:
        self.tokenizer, self.turns = tokenizer, TURNS
        self.seen: list[int] = tokenizer.encode(f"Question: {question}\nAnswer:")

    async def initial_observation(self) -> tuple[tinker.ModelInput, list[str]]:
        return tinker.ModelInput.from_ints(self.seen), STOP

    async def step(self, action: list[int], *, extra: Any = None) -> StepResult:
        self.turns -= 1
        self.seen += [*action, *self.tokenizer.encode("\nQuestion: What else?\nAnswer:", add_special_tokens=False)]
        # The credit of a group is the reward of the group, which the cookbook adds to those of the steps.
        reward = 0.0 if CREDIT == "group" else score(self.tokenizer.decode(action))
        return StepResult(reward, self.turns == 0, tinker.ModelInput.from_ints(self.seen), STOP)


@dataclass
class Answers(EnvGroupBuilder):  # type: ignore[misc]
    """Eight answers to one question."""

    question: str
    tokenizer: Any

    async def make_envs(self) -> Sequence[Env]:
        return [Talk(self.question, self.tokenizer) for _ in range(8)]

    async def compute_group_rewards(self, trajectory_group: Any, env_group: Any) -> Any:
        if CREDIT != "group":
            return [(0.0, {}) for _ in trajectory_group]
        texts = [self.tokenizer.decode(one.transitions[0].ac.tokens).strip() for one in trajectory_group]
        return adapter.group_rewards(u.Max([score(text) for text in texts]) + 0.5 * u.DistinctCount(texts), len(texts))


def sentence_credit(groups: list[Any], tokenizer: Any) -> tuple[list[Any], list[Any]]:
    """The Owen values of the sentences of all answers, and how many tokens each has."""
    credit, lengths = [], []
    for group in groups:
        answers = [one.transitions[0].ac.tokens for one in group.trajectories_G]
        done = segment_completions(answers, [[1] * len(ids) for ids in answers], tokenizer, segments.paragraphs, SENTENCES)
        found = ospo.segment_credit(done.texts, score, budget=128)
        credit.append([estimate.values for estimate in found.estimates])
        lengths.append(done.tokens(done.texts))
    return credit, lengths


async def main() -> None:
    training = await tinker.ServiceClient().create_lora_training_client_async(base_model=MODEL, rank=32)
    tokenizer = training.get_tokenizer()
    for _ in range(STEPS):
        policy = TinkerTokenCompleter(await training.save_weights_and_get_sampling_client_async(), max_tokens=256)
        groups = await asyncio.gather(*[do_group_rollout(Answers(question, tokenizer), policy) for question in QUESTIONS])
        data, metadata = assemble_training_data(groups, adapter.compute_advantages(groups))
        if CREDIT == "turns":
            data = adapter.credit_turns(data, metadata, groups, baseline="leave_one_out")
        if CREDIT == "sentences":
            data = adapter.credit_tokens(data, metadata, *sentence_credit(groups, tokenizer))
        # The mask says where advantages go; the loss takes none.
        data = [replace(one, loss_fn_inputs={n: x for n, x in one.loss_fn_inputs.items() if n != "mask"}) for one in data]
        gradient = training.forward_backward(data, loss_fn="importance_sampling")
        step = training.optim_step(tinker.AdamParams(learning_rate=4e-5))
        await gradient
        await step


if __name__ == "__main__":
    asyncio.run(main())
