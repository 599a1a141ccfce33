"""verl: every sentence of a response is paid its Owen value, paragraphs being unions of sentences.

    pip install . verl                            # in a checkout of shapley_credit
    export PYTHONPATH=$PWD                        # the folder of this file; agent.yaml says where the agent loop is:
                                                  #   - name: sentence_agent
                                                  #     _target_: verl_owen_sentences.SentenceAgentLoop
    python -m verl.trainer.main_ppo algorithm.adv_estimator=ospo \
        actor_rollout_ref.rollout.agent.agent_loop_config_path=agent.yaml \
        actor_rollout_ref.rollout.agent.default_agent_loop=sentence_agent actor_rollout_ref.rollout.n=8 \
        reward.custom_reward_function.path=pkg://verl_owen_sentences reward.custom_reward_function.name=compute_score \
        data.train_files=train.parquet data.val_files=test.parquet actor_rollout_ref.model.path=Qwen/Qwen3-0.6B

verl 0.9 makes one number of what a reward function returns. The agent loop below scores the response itself, with and without
its sentences, and writes the credit of each sentence to its last token.
"""

from __future__ import annotations

import asyncio
from typing import Any

from shapley_credit.adapters.rewards import segment_rewards
from shapley_credit.credit import segments
from shapley_credit.credit.completions import segment_completions
from shapley_credit.methods import ospo
from verl.experimental.agent_loop.agent_loop import AgentLoopOutput
from verl.experimental.agent_loop.single_turn_agent_loop import SingleTurnAgentLoop

# Up to the end of a sentence or of a line, with the white space behind it, so that nothing is left between two sentences.
SENTENCES = segments.matching(r"[^.!?\n]*[.!?\n]+\s*|[^.!?\n]+")

# How often a response may be scored: exact where its sentences need no more, else an estimate.
BUDGET = 128


def score(text: str) -> float:
    """Your reward model. Here: how many different words there are."""
    return float(len(set(text.lower().split())))


def compute_score(data_source: str, solution_str: str, ground_truth: str, extra_info: Any = None, **_: Any) -> float:
    """What verl asks for where the agent loop has no score."""
    return score(solution_str)


class SentenceOutput(AgentLoopOutput):  # type: ignore[misc]
    """What an agent loop returns, and the credits and the numbers of tokens of its sentences."""

    sentence_credit: list[float]
    sentence_lengths: list[int]

    def as_dict(self) -> dict[str, Any]:
        field: dict[str, Any] = super().as_dict()
        credit, lengths = field.pop("sentence_credit"), field.pop("sentence_lengths")
        field["rm_scores"] = segment_rewards(field["response_mask"][None], [credit], [lengths])[0]
        return field


class SentenceAgentLoop(SingleTurnAgentLoop):  # type: ignore[misc]
    """verl's agent loop for one turn, which scores what it has written with and without its sentences."""

    async def run(self, sampling_params: dict[str, Any], **prompt: Any) -> SentenceOutput:
        output = await super().run(sampling_params, **prompt)
        ids, masks = [output.response_ids], [output.response_mask]
        done = segment_completions(ids, masks, self.tokenizer, segments.paragraphs, SENTENCES)
        found = await asyncio.to_thread(ospo.segment_credit, done.texts, score, budget=BUDGET)
        output.reward_score = float(found.rewards[0])
        output.extra_fields["reward_extra_info"] = {}
        credited: SentenceOutput = SentenceOutput.model_construct(
            {*output.model_fields_set, "sentence_credit", "sentence_lengths"},
            **dict(output),
            sentence_credit=found.estimates[0].values.tolist(),
            sentence_lengths=done.tokens(done.texts)[0].tolist(),
        )
        return credited
