"""docs/examples/verl_turns.py: its command line is verl's, and its rewards go through verl's reward manager to every turn."""

from __future__ import annotations

import asyncio
import re
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import verl
from hydra import compose, initialize_config_dir
from shapley_credit import turn_advantages
from tensordict import TensorDict
from verl import DataProto
from verl.experimental.agent_loop.agent_loop import AgentLoopMetrics, AgentLoopOutput
from verl.experimental.agent_loop.tool_agent_loop import ToolAgentLoop
from verl.experimental.reward_loop.reward_manager.naive import NaiveRewardManager
from verl.trainer.ppo.ray_trainer import compute_advantage

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "verl_turns.py"
CALL, TOOL, NOTHING, ANSWER, WRONG = 5, 6, 7, 8, 9
TEXTS = {
    0: "",
    CALL: "<tool_call>search</tool_call>",
    TOOL: "<tool_response>it is 42</tool_response>\n",
    NOTHING: "<tool_response>none</tool_response>",
    ANSWER: "so 42",
    WRONG: "so 41",
}
# Tokens of the model and of tools in turns; the second calls two tools at once, the last is cut while a tool answers.
RESPONSES = [[CALL, TOOL, CALL, NOTHING, ANSWER], [CALL, TOOL, NOTHING, WRONG, WRONG], [ANSWER], [CALL, CALL, TOOL]]
EARNED = [[0.2, 0.0, 1.0], [0.2, 0.0], [1.0], [0.2]]
UIDS = ["p", "p", "q", "q"]


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLE))


@pytest.fixture
def configuration(example: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """What Hydra makes of the command line."""
    command = example["__doc__"].split("main_ppo ")[1].split("\n\n")[0].replace("\\", " ")
    overrides = [word.replace("$PWD", str(EXAMPLE.parent)) for word in re.findall(r"\S+=\S+", command)]
    assert len(overrides) >= 10
    with initialize_config_dir(str(Path(verl.__file__).parent / "trainer" / "config"), version_base=None):
        yield compose("ppo_trainer", overrides)


def response_mask(response: list[int]) -> list[int]:
    return [int(token not in (TOOL, NOTHING)) for token in response]


def scored(example: dict[str, Any], response: list[int]) -> AgentLoopOutput:
    """What the agent loop returns, with the reward that verl's reward manager gives it, as verl's workers set it."""
    plain = AgentLoopOutput(
        prompt_ids=[1, 2], response_ids=response, response_mask=response_mask(response), metrics=AgentLoopMetrics()
    )

    async def run(self: Any, sampling_params: Any, **prompt: Any) -> AgentLoopOutput:
        return plain

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ToolAgentLoop, "run", run)
        loop = object.__new__(example["TurnAgentLoop"])
        output = asyncio.run(loop.run({}))
    tokenizer = SimpleNamespace(decode=lambda ids, **_: "".join(TEXTS[int(token)] for token in ids))
    item = DataProto(
        batch=TensorDict(
            {"responses": torch.tensor([response]), "attention_mask": torch.ones(1, 2 + len(response), dtype=torch.long)},
            batch_size=1,
        ),
        non_tensor_batch={"data_source": np.array(["x"]), "reward_model": np.array([{"ground_truth": "42"}], object)},
    )

    async def reward() -> Any:
        manager = NaiveRewardManager({}, tokenizer, example["compute_score"])
        return await manager.run_single(item)

    found = asyncio.run(reward())
    output.reward_score = found["reward_score"]
    output.extra_fields["reward_extra_info"] = found["reward_extra_info"]
    return output


def test_the_command_line_is_verl_s(configuration: Any, example: dict[str, Any]) -> None:
    assert configuration.algorithm.adv_estimator == "turns"
    assert configuration.algorithm.shapley_credit == {"baseline": "leave_one_out"}
    agent = configuration.actor_rollout_ref.rollout.agent
    assert (agent.default_agent_loop, agent.agent_loop_config_path) == ("turn_agent", "agent.yaml")
    assert configuration.reward.custom_reward_function.name == "compute_score"
    assert Path(configuration.reward.custom_reward_function.path) == EXAMPLE
    assert issubclass(example["TurnAgentLoop"], ToolAgentLoop)


def test_rewards_reach_the_turns(configuration: Any, example: dict[str, Any]) -> None:
    fields = [scored(example, response).as_dict() for response in RESPONSES]
    assert [float(field["rm_scores"].sum()) for field in fields] == pytest.approx([sum(row) for row in EARNED])
    assert all("mm_processor_output" not in field for field in fields)  # what was not set stays unset
    width = max(map(len, RESPONSES))
    pad = torch.nn.utils.rnn.pad_sequence
    tensors = {
        "responses": pad([field["responses"] for field in fields], batch_first=True),
        "response_mask": pad([field["response_mask"] for field in fields], batch_first=True),
        "token_level_rewards": pad([field["rm_scores"] for field in fields], batch_first=True),
    }
    assert tensors["responses"].shape == (4, width)
    data = DataProto(batch=TensorDict(tensors, batch_size=4), non_tensor_batch={"uid": np.array(UIDS, object)})
    done = compute_advantage(data, adv_estimator="turns", config=configuration.algorithm)
    earned = np.array([*EARNED, None], object)[:-1]
    wanted = turn_advantages(earned, tensors["response_mask"], UIDS, baseline="leave_one_out")
    torch.testing.assert_close(done.batch["advantages"], wanted, rtol=0, atol=1e-6)
    # 1.2, 1 and 1 against .2 in all.
    assert done.batch["advantages"][0].tolist() == pytest.approx([1.0, 0.0, 0.8, 0.0, 0.8])


def test_a_rollout_that_is_masked_out_keeps_what_verl_says(example: dict[str, Any]) -> None:
    output = scored(example, [CALL, TOOL])
    output.response_mask = [0, 0]
    assert output.as_dict()["rm_scores"].tolist() == pytest.approx([0.0, 0.2])


def test_the_agent_loop_is_found_by_its_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLE.parent))
    from hydra.utils import get_class

    assert issubclass(get_class("verl_turns.TurnAgentLoop"), ToolAgentLoop)
    monkeypatch.delitem(sys.modules, "verl_turns")
