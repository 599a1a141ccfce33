"""verl: rewards by turn for an agent that calls tools, and credit by what each turn leads to.

    pip install . verl                            # in a checkout of shapley_credit
    export PYTHONPATH=$PWD                        # the folder of this file; agent.yaml says where the agent loop is:
                                                  #   - name: turn_agent
                                                  #     _target_: verl_turns.TurnAgentLoop
    python -m verl.trainer.main_ppo algorithm.adv_estimator=turns algorithm.gamma=1.0 \
        +algorithm.shapley_credit.baseline=leave_one_out \
        reward.custom_reward_function.path=$PWD/verl_turns.py reward.custom_reward_function.name=compute_score \
        actor_rollout_ref.rollout.multi_turn.enable=True actor_rollout_ref.rollout.multi_turn.tool_config_path=tools.yaml \
        actor_rollout_ref.rollout.agent.agent_loop_config_path=agent.yaml \
        actor_rollout_ref.rollout.agent.default_agent_loop=turn_agent \
        data.train_files=train.parquet data.val_files=test.parquet actor_rollout_ref.model.path=Qwen/Qwen3-0.6B

verl 0.9 makes one number of what a reward function returns, at the last token. The agent loop below writes it to the turns.
"""

from __future__ import annotations

import re
from typing import Any

from shapley_credit.adapters.rewards import turn_rewards
from verl.experimental.agent_loop.agent_loop import AgentLoopOutput
from verl.experimental.agent_loop.tool_agent_loop import ToolAgentLoop

# What the tools answer to one turn, which may have called several.
ANSWERS = re.compile(r"(?:<tool_response>.*?</tool_response>\s*)+", re.DOTALL)


def compute_score(data_source: str, solution_str: str, ground_truth: str, extra_info: Any = None, **_: Any) -> dict[str, Any]:
    """1 for a rollout that ends with the right answer, and 0.2 for each call of a tool whose answer holds it."""
    found = [0.2 * (ground_truth in answer) for answer in ANSWERS.findall(solution_str)]
    right = float(ground_truth in ANSWERS.split(solution_str)[-1])
    return {"score": right + sum(found), "turn_rewards": found}


class TurnOutput(AgentLoopOutput):  # type: ignore[misc]
    """What an agent loop returns, with the rewards of turns at their last tokens."""

    def as_dict(self) -> dict[str, Any]:
        field: dict[str, Any] = super().as_dict()
        mask = field["response_mask"]
        turns = int((mask[:1].sum() + (mask[1:] > mask[:-1]).sum()).item())
        if turns and "rm_scores" in field:
            told = self.extra_fields["reward_extra_info"]["turn_rewards"]
            rewards = [*told, *[0.0] * turns][:turns]
            rewards[-1] += self.reward_score - sum(rewards)  # what no turn has yet is earned by the last one
            field["rm_scores"] = turn_rewards(mask[None], [rewards])[0]
        return field


class TurnAgentLoop(ToolAgentLoop):  # type: ignore[misc]
    """verl's agent loop for tools, whose rewards say which turn has earned them."""

    async def run(self, sampling_params: dict[str, Any], **prompt: Any) -> TurnOutput:
        output = await super().run(sampling_params, **prompt)
        marked: TurnOutput = TurnOutput.model_construct(output.model_fields_set, **dict(output))
        return marked
