"""SkyRL: the rollouts of each step with the advantages that their tokens got."""

from __future__ import annotations

from typing import Any

from shapley_credit.adapters.recording import Columns, Recorder, spans_of


def recording(recorder: Recorder) -> Any:
    """A callback for `trainer.add_callback` that writes the rollouts of each step by `recorder`.

    A row has the columns prompt_id, prompt, completion, advantage (the mean over its trainable tokens) and segments: a span for
    each run of trainable tokens of one advantage, which stands in the place of the credit. SkyRL drops rewards and its own ids
    of prompts before the end of a step, so that equal prompts of a batch have one prompt_id.
    Cost: as `Recorder`, in the trainer's process.
    """
    from skyrl.train.utils.callbacks import TrainingCallback

    class Recording(TrainingCallback):  # type: ignore[misc]
        def on_step_end(self, trainer: Any, callback_input: Any, control: Any) -> None:
            if callback_input.batch is not None and recorder.wants(callback_input.global_step):
                recorder.write(callback_input.global_step, rows_of(callback_input.batch, trainer.tokenizer))

    return Recording()


def rows_of(batch: Any, tokenizer: Any) -> Columns:
    """The columns that `recording` writes, of a TrainingInputBatch with advantages."""
    rows = len(batch["advantages"]) - batch.metadata.get("pad_size", 0)
    names = ("sequences", "attention_mask", "response_mask", "loss_mask", "advantages")
    return _columns([_row(tokenizer, *row) for row in zip(*(batch[name][:rows].tolist() for name in names), strict=True)])


def _columns(rows: list[dict[str, Any]]) -> Columns:
    return {name: [row[name] for row in rows] for name in ("prompt_id", "prompt", "completion", "advantage", "segments")}


def _row(tokenizer: Any, ids: list[int], there: list[int], answer: list[int], trained: list[int], values: list[float]) -> Any:
    # A response stands at the right end of its row, its prompt in front of it.
    length = sum(answer)
    start, place = len(ids) - length, len(answer) - length
    flags, paid = trained[place:], values[place:]
    text, spans = spans_of(ids[start:], flags, paid, tokenizer)
    prompt = tokenizer.decode(
        [token for token, here in zip(ids, there[:start], strict=False) if here], skip_special_tokens=True
    )
    mean = sum(value for value, flag in zip(paid, flags, strict=True) if flag) / max(sum(flag != 0 for flag in flags), 1)
    return {"prompt_id": prompt, "prompt": prompt, "completion": text, "advantage": mean, "segments": spans}
