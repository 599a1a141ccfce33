"""The programs of docs/examples for verl beside that of turns: a utility of your own, and credits of sentences."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc
import torch
import verl
from hydra import compose, initialize_config_dir
from hydra.utils import get_class
from shapley_credit import utilities as u
from shapley_credit.methods.ospo import segment_advantages
from tensordict import TensorDict
from verl import DataProto
from verl.experimental.agent_loop.agent_loop import AgentLoopMetrics, AgentLoopOutput
from verl.experimental.agent_loop.single_turn_agent_loop import SingleTurnAgentLoop
from verl.trainer.ppo.core_algos import ADV_ESTIMATOR_REGISTRY
from verl.trainer.ppo.ray_trainer import compute_advantage
from verl.trainer.ppo.reward import get_custom_reward_fn

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
UIDS = np.array(["p", "q", "p", "q"], object)


@pytest.fixture
def program(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ModuleType, Any]]:
    """The module of the example, imported by its name as verl does, and what Hydra makes of its command line."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    module = __import__(request.param)
    assert module.__doc__ is not None
    command = module.__doc__.split("main_ppo ")[1].split("\n\n")[0].replace("\\", " ")
    with initialize_config_dir(str(Path(verl.__file__).parent / "trainer" / "config"), version_base=None):
        yield module, compose("ppo_trainer", re.findall(r"\S+=\S+", command))
    monkeypatch.delitem(sys.modules, request.param)
    ADV_ESTIMATOR_REGISTRY.pop("two_best", None)


def paid(config: Any, masks: list[list[int]], rewards: list[Any]) -> torch.Tensor:
    pad = torch.nn.utils.rnn.pad_sequence
    tensors = {
        "response_mask": pad([torch.tensor(mask) for mask in masks], batch_first=True),
        "token_level_rewards": pad([torch.as_tensor(row, dtype=torch.float32) for row in rewards], batch_first=True),
    }
    data = DataProto(batch=TensorDict(tensors, batch_size=len(masks)), non_tensor_batch={"uid": UIDS})
    found: torch.Tensor = compute_advantage(data, config.algorithm.adv_estimator, config=config.algorithm).batch["advantages"]
    return found


@pytest.mark.parametrize("program", ["verl_group_reward"], indirect=True)
def test_a_utility_of_your_own(program: tuple[ModuleType, Any]) -> None:
    module, config = program
    assert config.actor_rollout_ref.rollout.n == 8
    score = get_custom_reward_fn(config)  # the same module: loaded anew, it would register its estimator twice
    assert [score("x", text, "42") for text in ("so 42", "it is 41", "no")] == [1.0, 0.1, 0.0]
    found = paid(config, [[1, 1]] * 4, [[0, 3.0], [0, 1.0], [0, 2.0], [0, 4.0]])
    credit = sc.set_shapley(module.two_best(np.array([[3.0, 2.0], [1.0, 4.0]])), 2)
    assert credit.tolist() == [[3.0, 2.0], [1.0, 4.0]]  # of two, both are the two best
    assert found.tolist() == [[0.5] * 2, [-1.5] * 2, [-0.5] * 2, [1.5] * 2]
    assert type(module.two_best([1.0, 2.0])) is u.TopM


# "it" is in all three sentences, half of it to either paragraph; the last response ends at once.
TEXTS = ["It is red. It sings.\n\nIt flies.", "Red red.", "Blue! Red!", ""]
CREDIT = [[2.25, 1.25, 1.5], [2.0], [1.0, 1.0], [0.0]]
LENGTHS = [[11, 11, 9], [8], [6, 4], [1]]


@pytest.mark.parametrize("program", ["verl_owen_sentences"], indirect=True)
def test_owen_values_of_sentences(program: tuple[ModuleType, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    module, config = program
    kind = get_class(f"{module.__name__}.SentenceAgentLoop")
    assert config.actor_rollout_ref.rollout.agent.default_agent_loop == "sentence_agent"
    assert get_custom_reward_fn(config)("x", TEXTS[0], "") == 5.0

    async def run(self: Any, sampling_params: Any, **prompt: Any) -> AgentLoopOutput:
        ids = [3 + byte for byte in TEXTS[prompt["place"]].encode()] or [2]
        return AgentLoopOutput(
            prompt_ids=[1, 2], response_ids=ids, response_mask=[1] * len(ids), metrics=AgentLoopMetrics(), extra_fields={}
        )

    monkeypatch.setattr(SingleTurnAgentLoop, "run", run)
    loop = object.__new__(kind)
    loop.tokenizer = SimpleNamespace(
        decode=lambda ids, skip_special_tokens: bytes(token - 3 for token in ids if token > 2).decode(errors="replace")
    )
    outputs = [asyncio.run(loop.run({}, place=place)) for place in range(4)]
    fields = [output.as_dict() for output in outputs]
    assert [output.reward_score for output in outputs] == [5.0, 2.0, 2.0, 0.0]
    assert [float(field["rm_scores"].sum()) for field in fields] == pytest.approx([5.0, 2.0, 2.0, 0.0])
    assert not [field for field in fields if any(name.startswith("sentence") for name in field)]
    masks = [field["response_mask"].tolist() for field in fields]
    found = paid(config, masks, [field["rm_scores"] for field in fields])
    wanted = segment_advantages(CREDIT, UIDS.tolist())
    for place, row in enumerate(wanted):
        expected = [value for value, count in zip(row, LENGTHS[place], strict=True) for _ in range(count)]
        assert found[place][: len(expected)].tolist() == pytest.approx(expected, rel=1e-5)
