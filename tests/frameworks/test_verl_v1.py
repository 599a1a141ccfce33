"""verl's v1 trainer: its own step of advantages, on jagged rows, with sessions known by the keys of the batch."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import verl
from hydra import compose, initialize_config_dir
from shapley_credit import turn_advantages
from shapley_credit.adapters.verl import compute_advantage_of_rollouts
from tensordict import NonTensorStack, TensorDict
from verl import DataProto
from verl.trainer.config import AlgoConfig

PAGE = Path(__file__).parents[2] / "docs" / "trainers" / "verl.md"

# The last is the second output of the first rollout, which has its reward too; q_2 was aborted.
KEYS = ["p_0_0", "q_0_0", "p_1_0", "q_1_0", "q_2_0", "p_0_1"]
MASKS = [[1, 1, 1], [1, 1], [1, 1, 0, 1], [1], [0, 0], [1, 1]]
TOTALS = [3.0, 1.0, 2.0, 4.0, 7.0, 3.0]
# The best of 3 and 2 pays 2 and 1, the best of 1 and 4 pays .5 and 3.5; less the mean of the prompt.
BEST = [0.5, -1.5, -0.5, 1.5, 0.0, 0.5]


class Queue(ModuleType):
    """The package that the trainer's batches live in, as far as the trainer reads it here."""

    KVBatchMeta = object
    answers: Any = None
    written: Any = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})

    def kv_batch_get(self, **asked: Any) -> Any:
        return self.answers

    def kv_batch_put(self, fields: Any, **_: Any) -> None:
        self.written = fields


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    made = Queue("transfer_queue")
    monkeypatch.setitem(sys.modules, "transfer_queue", made)
    from verl.trainer.ppo.v1 import trainer_base

    # What the page says to do before training; it is undone here.
    monkeypatch.setattr(trainer_base, "compute_advantage_for_multi_trajectories", None)
    (block,) = (each for each in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL) if "trainer_base." in each)
    exec(compile(block, PAGE.name, "exec"), {})
    monkeypatch.setattr(trainer_base, "tq", made)
    yield made
    for name in [name for name in sys.modules if name.startswith("verl.trainer.ppo.v1")]:
        monkeypatch.delitem(sys.modules, name)


def stepped(queue: Queue, *overrides: str) -> list[Any]:
    """The advantages that the trainer writes back."""
    from verl.trainer.ppo.v1.trainer_base import PPOTrainer

    with initialize_config_dir(str(Path(verl.__file__).parent / "trainer" / "config"), version_base=None):
        config = compose("ppo_trainer", [*overrides])
    rewards = [[*[0.0] * (len(mask) - 1), total] for mask, total in zip(MASKS, TOTALS, strict=True)]
    rows = {"response_mask": [torch.tensor(row) for row in MASKS], "rm_scores": [torch.tensor(row) for row in rewards]}
    jagged = {name: torch.nested.as_nested_tensor(found, layout=torch.jagged) for name, found in rows.items()}
    queue.answers = TensorDict(jagged, batch_size=[len(KEYS)])
    queue.answers["uid"] = NonTensorStack(*[key[0] for key in KEYS])

    class Batch(SimpleNamespace):
        def __len__(self) -> int:
            return len(KEYS)

    PPOTrainer._compute_advantage(SimpleNamespace(config=config), Batch(keys=KEYS, partition_id="train"), {})
    return [row.tolist() for row in queue.written["advantages"].unbind()]


def test_outputs_of_a_rollout_are_one_member(queue: Queue) -> None:
    found = stepped(queue, "algorithm.adv_estimator=shapley")
    assert found == [[paid * flag for flag in mask] for paid, mask in zip(BEST, MASKS, strict=True)]


def test_turns_of_a_rollout_are_those_of_its_outputs(queue: Queue) -> None:
    found = stepped(queue, "algorithm.adv_estimator=turns", "+algorithm.shapley_credit.baseline=mean")
    masks = [[*MASKS[0], 0, *MASKS[5]], MASKS[2], MASKS[1], MASKS[3]]
    wanted = turn_advantages([[0.0, 3.0], [0.0, 2.0], [1.0], [4.0]], masks, ["p", "p", "q", "q"], baseline="mean")
    assert found[0] + [0.0] + found[5] == wanted[0].tolist()
    assert [found[2], found[1], found[3]] == [row.tolist() for row in wanted[1:]]
    assert found[4] == [0.0, 0.0]


def test_estimators_of_verl_stay_verl_s(queue: Queue) -> None:
    from verl.trainer.ppo.v1.utils import compute_advantage_for_multi_trajectories

    def made() -> DataProto:
        mask = torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in MASKS], batch_first=True)
        rewards = torch.zeros(mask.shape)
        rewards[:, 0] = torch.tensor(TOTALS)
        tensors = TensorDict({"response_mask": mask, "token_level_rewards": rewards}, batch_size=len(KEYS))
        return DataProto(batch=tensors, non_tensor_batch={"uid": np.array([key[0] for key in KEYS], object)})

    for name in ("grpo", "rloo"):
        mine = compute_advantage_of_rollouts(made(), batch_keys=KEYS, adv_estimator=name, config=AlgoConfig())
        own = compute_advantage_for_multi_trajectories(made(), KEYS, name, config=AlgoConfig())
        assert torch.equal(mine.batch["advantages"], own.batch["advantages"])
    apart = compute_advantage_for_multi_trajectories(made(), KEYS, "shapley", config=AlgoConfig()).batch["advantages"]
    ours = compute_advantage_of_rollouts(made(), KEYS, "shapley", config=AlgoConfig()).batch["advantages"]
    assert not torch.equal(apart, ours)  # there every output is a member
