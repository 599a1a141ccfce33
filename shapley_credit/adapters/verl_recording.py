"""verl: the rollouts of each step with the advantages that their tokens got, beside verl's own dump."""

from __future__ import annotations

from functools import wraps
from typing import Any

from shapley_credit.adapters.recording import Columns, Recorder, spans_of


def record(recorder: Recorder, trainer: type[Any] | None = None) -> None:
    """Have verl's trainer write its rollouts by `recorder` whenever it dumps them, that is with `trainer.rollout_data_dir` set.

    Call it in the module that `VERL_USE_EXTERNAL_MODULES` names. A row has the columns prompt_id (verl's uid), prompt,
    completion, reward, advantage (the mean over its trainable tokens) and segments: a span for each run of trainable tokens of
    one advantage, which stands in the place of the credit.

    trainer: the class to change in place; by default verl's `RayPPOTrainer`. Cost: as `Recorder`, on the driver.
    """
    changed: Any = _verls_own() if trainer is None else trainer
    dump = changed._log_rollout_data

    @wraps(dump)
    def dump_and_record(self: Any, batch: Any, *args: Any, **named: Any) -> None:
        dump(self, batch, *args, **named)
        if recorder.wants(self.global_steps):
            recorder.write(self.global_steps, rows_of(batch, self.tokenizer))

    changed._log_rollout_data = dump_and_record


def _verls_own() -> type[Any]:
    from verl.trainer.ppo.ray_trainer import RayPPOTrainer

    chosen: type[Any] = RayPPOTrainer
    return chosen


def rows_of(batch: Any, tokenizer: Any) -> Columns:
    """The columns that `record` writes, of a DataProto with advantages."""
    tensors = batch.batch
    mask, advantages = tensors["response_mask"] != 0, tensors["advantages"]
    # Behind its last token a response is padded, and in front of it a prompt.
    ends = tensors["attention_mask"][:, -tensors["responses"].shape[1] :].sum(1).tolist()
    read = [
        spans_of(ids[:end], flags[:end], values[:end], tokenizer)
        for ids, flags, values, end in zip(tensors["responses"].tolist(), mask.tolist(), advantages.tolist(), ends, strict=True)
    ]
    return {
        "prompt_id": [str(uid) for uid in batch.non_tensor_batch["uid"]],
        "prompt": tokenizer.batch_decode(tensors["prompts"], skip_special_tokens=True),
        "completion": [text for text, _ in read],
        "reward": tensors["token_level_scores"].sum(-1).tolist(),
        "advantage": ((advantages * mask).sum(1) / mask.sum(1).clamp(min=1)).tolist(),
        "segments": [spans for _, spans in read],
    }
