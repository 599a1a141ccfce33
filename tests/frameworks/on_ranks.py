"""One rank of runs of several: trains with set rewards and credit, and writes down what this rank saw and what it sent.

python -m torch.distributed.run --standalone --nproc-per-node 4 on_ranks.py FOLDER
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import torch
from shapley_credit import utilities as u
from shapley_credit.adapters.processes import Processes, unpacked
from shapley_credit.adapters.trl import group_credit, group_reward, token_credit, turn_credit
from trl import GRPOConfig, GRPOTrainer

sys.path.append(str(Path(__file__).parents[1] / "support"))

from tiny_models import dataset, save_model, settings
from trainers import Trainer

RANK = int(os.environ.get("RANK", "0"))
# Rows a rank, completions a prompt. The last is whole on every rank.
LAYOUTS = [(2, 4), (3, 2), (2, 2)]
# Rows of each of four ranks, in the uneven batch of groups of 4.
UNEVEN = (3, 3, 0, 2)

SENT: list[tuple[int, int]] = []


class Counted(Processes):
    """Processes that count the rows of groups that they send: whither, and how many."""

    def exchange(self, parts: Any, sources: Any) -> dict[int, bytes]:
        rows = {rank: unpacked(part) for rank, part in parts.items()}
        SENT.extend((rank, len(part["prompts"])) for rank, part in rows.items() if isinstance(part, dict))
        return super().exchange(parts, sources)


def best(completions: Any, **_: Any) -> u.Max:
    return u.Max([float(len(set(text))) for text in completions])


async def distinct(completions: Any, **_: Any) -> u.DistinctCount:
    # Groups finish in another order than they start, and another one on each rank.
    await asyncio.sleep(0.01 * (len(completions[0]) % 3) * (1 + RANK))
    kinds = sorted({text[:1] for text in completions})
    return u.DistinctCount([kinds.index(text[:1]) for text in completions])


async def shortest(completions: Any, **_: Any) -> u.Min:
    await asyncio.sleep(0.02 * (3 - RANK))
    return u.Min([float(len(text)) for text in completions])


def first_letter(completions: Any, log_extra: Any, **_: Any) -> list[float]:
    log_extra("answer", [text[:1] for text in completions])
    return [float(len(text)) for text in completions]


def halves(rewards: Any, masks: Any, **_: Any) -> tuple[Any, Any]:
    """What the first half of each completion earns depends on the whole group."""
    lengths = [[sum(mask) // 2, sum(mask) - sum(mask) // 2] for mask in masks]
    return [[reward - min(rewards), min(rewards)] for reward in rewards], lengths


def fails(**group: Any) -> Any:
    if RANK == 2:
        raise KeyError("no such judge")
    return halves(**group) if "masks" in group else u.Max([1.0] * 4)


async def fails_later(**group: Any) -> Any:
    await asyncio.sleep(0.01)
    return fails(**group)


class Watched(GRPOTrainer):  # type: ignore[misc]
    """Remembers what its rank generated and was paid. The second token of a completion is said to come from a tool."""

    seen: list[dict[str, Any]]

    def _calculate_rewards(self, inputs: Any, prompts: Any, completions: Any, completion_ids_list: Any) -> Any:
        rewards = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
        start = self.accelerator.process_index * len(prompts)
        own = rewards[start : start + len(prompts)].tolist()
        kind = "train" if self.model.training else "eval"
        row = {"prompts": prompts, "completions": completions, "rewards": own, "kind": kind}
        self.seen = [*getattr(self, "seen", []), row]
        return rewards

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        out = super()._generate_and_score_completions(inputs)
        out["tool_mask"] = torch.ones_like(out["completion_mask"])
        out["tool_mask"][:, 1] = 0
        return out


def witness(base: Any) -> Any:
    """A trainer that remembers advantages too."""

    class Witness(base):  # type: ignore[misc]
        def _generate_and_score_completions(self, inputs: Any) -> Any:
            before = len(SENT)
            out = super()._generate_and_score_completions(inputs)
            mask = out["completion_mask"] * out["tool_mask"]
            lengths = out["completion_mask"].sum(1).tolist()
            masks = [row[:length] for row, length in zip(mask.tolist(), lengths, strict=True)]
            self.seen[-1] |= {"advantages": out["advantages"].tolist(), "masks": masks, "sent": SENT[before:]}
            return out

    return Witness


KINDS: dict[str, Any] = {
    "token": lambda: token_credit(Watched, halves),
    "gapo": lambda: group_credit(Watched, "gapo"),
    "maxrl": lambda: group_credit(Watched, "maxrl"),
    "turns": lambda: turn_credit(Watched, baseline="leave_one_out"),
}


def trainer_of(kind: Any, rewards: Any, folder: Path, model: str, **given: Any) -> Any:
    torch.manual_seed(0)
    evaluation = {"eval_dataset": dataset().select(range(5))} if "eval_strategy" in given else {}
    args = GRPOConfig(**settings(folder, scale_rewards="none", ddp_backend="gloo", **given))
    return kind(model=model, reward_funcs=rewards, args=args, train_dataset=dataset(), **evaluation)


def runs(folder: Path, model: str) -> dict[str, Any]:
    found = {}
    for kind, layout in [*(("token", layout) for layout in LAYOUTS), ("gapo", (3, 2)), ("maxrl", (3, 2)), ("turns", (2, 4))]:
        rewards = [group_reward(best), group_reward(distinct), group_reward(shortest)] if kind == "token" else first_letter
        given: dict[str, Any] = {"per_device_train_batch_size": layout[0], "num_generations": layout[1]}
        if (kind, layout) == ("token", (2, 4)):
            # 5 prompts of 4 completions are a batch of 12 rows and one of 8, which the sampler fills up.
            given |= {"eval_strategy": "steps", "eval_steps": 2, "per_device_eval_batch_size": 3, "num_generations_eval": 4}
        trainer = trainer_of(witness(KINDS[kind]()), rewards, folder, model, **given)
        trainer.train()
        found[f"{kind} {layout[0]},{layout[1]}"] = {"seen": trainer.seen, "log": trainer.state.log_history}
    return found


def refused(call: Any) -> str:
    try:
        return f"paid {call()}"
    except Exception as error:  # noqa: BLE001 - written down
        return f"{type(error).__name__}: {error}"


def by_hand() -> dict[str, Any]:
    """Batches that TRL's sampler does not make."""
    low, high = sum(UNEVEN[:RANK]), sum(UNEVEN[: RANK + 1])
    prompts, texts = list("aaaabbbb"), ["x" * row for row in range(8)]
    stand_in = Trainer(4, RANK, 4)
    length = group_reward(lambda completions, **_: u.Max([float(len(text)) for text in completions]))
    uneven = length(log_metric=stand_in.log_metric, prompts=prompts[low:high], completions=texts[low:high])
    mixed = [*"aaaabbbc"][2 * RANK : 2 * RANK + 2]
    return {
        "uneven": uneven,
        "figures": stand_in.logged,
        "mixed": refused(lambda: length(log_metric=stand_in.log_metric, prompts=mixed, completions=["x", "xx"])),
    }


def main(folder: Path) -> None:
    from shapley_credit.adapters import trl_rewards, trl_trainers

    for module in (trl_rewards, trl_trainers):
        module.Processes = Counted  # type: ignore[attr-defined]
    model = save_model(folder / f"model{RANK}")
    found: dict[str, Any] = {"runs": runs(folder, model)}
    given = {"per_device_train_batch_size": 2, "num_generations": 4, "max_steps": 1}
    for broken in (fails, fails_later):
        trainer = trainer_of(GRPOTrainer, group_reward(broken), folder, model, **given)
        found[broken.__name__] = refused(trainer.train)
    found["segments"] = refused(trainer_of(token_credit(GRPOTrainer, fails), first_letter, folder, model, **given).train)
    found |= by_hand()
    (folder / f"{RANK}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
