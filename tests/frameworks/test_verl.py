"""verl: estimators found by entry point, and run by its own compute_advantage on a DataProto."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import verl
from hydra import compose, initialize_config_dir
from shapley_credit import InputError, token_advantages, turn_advantages
from shapley_credit.adapters.rewards import segment_rewards
from shapley_credit.methods.group_rules import group_advantages
from shapley_credit.methods.ospo import segment_advantages
from tensordict import TensorDict
from verl import DataProto
from verl.experimental.reward_loop.reward_manager.base import RewardManagerBase
from verl.trainer.config import AlgoConfig
from verl.trainer.ppo.core_algos import get_adv_estimator_fn
from verl.trainer.ppo.ray_trainer import compute_advantage

PLUGIN = "shapley_credit.adapters.verl"


def batch(**columns: Any) -> DataProto:
    """Two prompts with two responses each, padded left before and right after, as verl's rollout leaves them."""
    attention = torch.tensor([[0, 1, 1, 1, 1, 0], [1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1], [0, 1, 1, 0, 0, 0]])
    rewards = torch.zeros(4, 4)
    rewards[torch.arange(4), torch.tensor([2, 1, 3, 0])] = torch.tensor([3.0, 1.0, 2.0, 4.0])
    tensors = {
        "prompts": torch.ones(4, 2, dtype=torch.long),
        "responses": torch.ones(4, 4, dtype=torch.long),
        "attention_mask": attention,
        "token_level_rewards": rewards,
    }
    uid = np.array(["p", "q", "p", "q"], dtype=object)
    return DataProto(batch=TensorDict(tensors, batch_size=4), non_tensor_batch={"uid": uid, **columns})


def advantages(name: str, data: DataProto) -> torch.Tensor:
    done = compute_advantage(data, adv_estimator=name, config=AlgoConfig(adv_estimator=name))
    assert torch.equal(done.batch["advantages"], done.batch["returns"])
    found: torch.Tensor = done.batch["advantages"]
    return found


def test_verl_finds_the_estimators_by_entry_point() -> None:
    (found,) = (point for point in entry_points(group="verl.plugins") if point.value == PLUGIN)
    assert found.name == "shapley_credit"
    # `import verl` above has loaded it: nothing else here imports the module before.
    estimators = sys.modules[PLUGIN].ESTIMATORS
    renamed = {name: f"group_{name}" if name == "gdpo" else name for name in estimators}
    assert all(get_adv_estimator_fn(renamed[name]) is estimator for name, estimator in estimators.items())
    assert get_adv_estimator_fn("gdpo").__module__ == "verl.trainer.ppo.core_algos"
    sys.modules[PLUGIN].register()  # a second time changes nothing


def test_the_plugin_may_be_imported_first_and_turned_off() -> None:
    check = "from verl.trainer.ppo.core_algos import ADV_ESTIMATOR_REGISTRY as known; print('shapley' in known)"
    for first, policy, expected in ((f"import {PLUGIN};", "auto", "True"), ("", "none", "False")):
        environment = {**os.environ, "VERL_USE_EXTERNAL_PLUGINS": policy}
        command = [sys.executable, "-W", "ignore", "-c", first + check]
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=300)
        assert done.stdout.split()[-1] == expected


def test_shapley_of_the_best_response() -> None:
    data = batch()
    found = advantages("shapley", data)
    mask = data.batch["attention_mask"][:, 2:]
    # Max of (3, 2) pays 2 and 1, Max of (1, 4) pays 0.5 and 3.5; less the mean of the prompt.
    assert torch.equal(found, torch.tensor([0.5, -1.5, -0.5, 1.5])[:, None] * mask)
    assert found.dtype == torch.float32


# Responses to prompt p earn 4 by 1, 3 and 6 by 2, 2, 2: mean 5. Those to prompt q earn 1 and 4: mean 2.5.
CREDIT, LENGTHS = [[1.0, 3.0], [1.0], [2.0, 2.0, 2.0], [4.0]], [[1, 2], [2], [2, 1, 1], [1]]
UNSCALED = torch.tensor([[-1.5, 0.5, 0.5, 0], [-1.5, -1.5, 0, 0], [1 / 3] * 4, [1.5, 0, 0, 0]])
# Deviation of -1.5, .5 and three times 1 / 3, and of -1.5, 1.5.
SCALED = UNSCALED / torch.tensor([(17 / 24) ** 0.5, 4.5**0.5, (17 / 24) ** 0.5, 4.5**0.5])[:, None]
# To go: 4, 3 against 6, 4, 2, each place less the other's; the third has no other but the last of them, 3. The first token of a
# segment is still the choice to end the one before.
TO_GO = torch.tensor([[-2.0, -2.0, -1.0, 0], [-3.0, -3.0, 0, 0], [2.0, 2.0, 2.0, 1.0], [3.0, 0, 0, 0]])


EXPECTED = [("ospo", SCALED), ("shape_grpo", UNSCALED), ("shape_grpo_to_go", TO_GO), ("shape_grpo_marginal", TO_GO)]


@pytest.mark.parametrize(("name", "expected"), EXPECTED)
def test_rewards_by_token_end_segments(name: str, expected: torch.Tensor) -> None:
    data = batch()
    data.batch["token_level_rewards"] = torch.tensor([[1.0, 0, 3.0, 0], [0, 1.0, 0, 0], [0, 2.0, 2.0, 2.0], [4.0, 0, 0, 0]])
    torch.testing.assert_close(advantages(name, data), expected)


def test_segments_by_name() -> None:
    data = batch(segment_credit=np.array(CREDIT, dtype=object), segment_lengths=np.array(LENGTHS, dtype=object))
    mask = data.batch["attention_mask"][:, 2:]
    rewards = data.batch["token_level_rewards"]
    found, _ = get_adv_estimator_fn("ospo")(rewards, mask, data.non_tensor_batch["uid"], non_tensor_batch=data.non_tensor_batch)
    torch.testing.assert_close(found, SCALED)
    columns = {**data.non_tensor_batch, "segment_marginal": data.non_tensor_batch["segment_credit"]}
    estimators = [get_adv_estimator_fn(name) for name in ("ospo_to_go", "ospo_marginal")]
    ahead, grown = (each(rewards, mask, columns["uid"], non_tensor_batch=columns)[0] for each in estimators)
    assert torch.equal(ahead, grown)
    assert torch.equal(ahead.sign(), TO_GO.sign())
    # This version keeps columns to itself; once it passes them on, this test says so.
    with pytest.raises(InputError, match="this framework passes no such column"):
        advantages("gapo", batch(answer=np.array(["x", "y", "x", None], dtype=object)))
    with pytest.raises(InputError, match="found rewards of whole responses only"):
        advantages("ospo", data)


def test_ospo_is_the_method_to_the_last_bit() -> None:
    """Through rewards by token, which a reward manager puts together, credits of 0 too."""

    class Manager(RewardManagerBase):  # type: ignore[misc]
        @classmethod
        def assemble_rm_scores(cls, data: DataProto, scores: list[float]) -> torch.Tensor:
            width = data.batch["responses"].shape[1]
            made: torch.Tensor = segment_rewards(data.batch["attention_mask"][:, -width:], credit, LENGTHS)
            return made

    credit = [[0.0, 0.3], [-1.1], [0.7, 0.0, 0.0], [0.0]]
    data = batch()
    data.batch["token_level_rewards"] = Manager.assemble_rm_scores(data, [0.3, -1.1, 0.7, 0.0])
    mask = data.batch["attention_mask"][:, 2:]
    narrow = [np.array(row, np.float32).astype(np.float64) for row in credit]
    paid = segment_advantages(narrow, list(data.non_tensor_batch["uid"]))
    expected = token_advantages(None, mask, segment_credit=paid, segment_lengths=LENGTHS)
    assert torch.equal(advantages("ospo", data), expected)


def test_turns_are_the_runs_of_the_response_mask() -> None:
    """Two turns with a tool between them; the discount is verl's own, and a tool's answer earns for the turn before it."""
    data = batch()
    mask = torch.tensor([[1, 0, 1, 0], [1, 1, 0, 0], [1, 0, 1, 1], [1, 0, 0, 1]])
    rewards = torch.tensor([[0.0, 1.0, 3.0, 0], [0, 1.0, 0, 0], [2.0, 0, 0, 2.0], [1.0, 2.0, 0, 4.0]])
    data.batch["response_mask"], data.batch["token_level_rewards"] = mask, rewards
    # To p: 4, 3 against 4, 2. To q: 1 against 7, 4, whose second turn has only the whole of the other, 1.
    found = advantages("turns", data)
    assert torch.equal(found, torch.tensor([[0.0, 0, 1.0, 0], [-6.0, -6.0, 0, 0], [0, 0, -1.0, -1.0], [6.0, 0, 0, 3.0]]))
    own = advantages("turns_own", data)
    assert torch.equal(own[2], torch.tensor([0.0, 0, 0, 0]))  # 2 and 2 of 4, as much as the other earns in all
    half = compute_advantage(data, adv_estimator="turns", config=AlgoConfig(adv_estimator="turns", gamma=0.5))
    wanted = turn_advantages(rewards, mask, list(data.non_tensor_batch["uid"]), gamma=0.5)
    assert torch.equal(half.batch["advantages"], wanted)
    assert not torch.equal(wanted, found)


def test_turns_of_one_outcome_are_verl_s_rloo() -> None:
    """Where rewards are earned at the end, and every turn is reached by all."""
    data = batch()
    data.batch["response_mask"] = torch.tensor([[1, 0, 1, 1], [1, 0, 1, 0], [1, 0, 0, 1], [1, 0, 1, 0]])
    data.batch["token_level_rewards"] = torch.tensor([[0.0, 0, 3.0, 0], [0, 0, 0, 1.0], [0, 0, 0, 2.0], [0, 0, 4.0, 0]])
    torch.testing.assert_close(advantages("turns", data), advantages("rloo", data), rtol=0, atol=1e-6)


def config(*overrides: str) -> Any:
    """The algorithm of verl's own configuration with what a command line says."""
    with initialize_config_dir(str(Path(verl.__file__).parent / "trainer" / "config"), version_base=None):
        return compose("ppo_trainer", [*overrides]).algorithm


def test_rules_of_groups_and_their_parameters() -> None:
    """Five responses to one prompt and one to another, the last of which verl cut to nothing."""
    rewards = torch.zeros(7, 4)
    rewards[:, 1] = torch.tensor([1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 5.0])
    mask = torch.tensor([[1, 1, 0, 0]] * 6 + [[0] * 4])
    uids = np.array([*"ppppp", "q", "p"], object)
    given = {"token_level_rewards": rewards, "response_mask": mask}
    for name, parameters in (
        ("pkpo", {"m": 3}),
        ("pass_at_k", {"m": 2}),
        ("maxrl", {}),
        ("shapley", {"baseline": "leave_one_out"}),
    ):
        data = DataProto(batch=TensorDict(given, batch_size=7), non_tensor_batch={"uid": uids})
        theirs = config(*(f"+algorithm.shapley_credit.{key}={value}" for key, value in parameters.items()))
        found = compute_advantage(data, adv_estimator=name, config=theirs).batch["advantages"]
        paid = group_advantages(name, rewards.sum(1).numpy(), uids, present=mask.any(1).numpy(), **parameters)
        assert torch.equal(found, torch.tensor(paid, dtype=torch.float32)[:, None] * mask)
        assert found[:5].any()
    with pytest.raises(InputError, match="pkpo takes m, baseline, scale, floor; got 'k'"):
        compute_advantage(data, adv_estimator="pkpo", config=config("+algorithm.shapley_credit.k=3"))
    with pytest.raises(InputError, match="gdpo reads the column that gdpo_reward_keys names"):
        compute_advantage(data, adv_estimator="group_gdpo", config=config())


def test_a_filter_on_equal_totals_is_warned_of() -> None:
    data = batch()
    with pytest.warns(UserWarning, match="filter_groups drops prompts whose responses earn the same in all"):
        compute_advantage(data, adv_estimator="turns", config=config("algorithm.filter_groups.enable=True"))
