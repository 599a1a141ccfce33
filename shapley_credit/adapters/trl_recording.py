"""TRL: what `group_reward` and `token_credit` hand to a `Recorder`, each process its own completions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan
from typing import Any

import numpy as np

from shapley_credit.adapters.answer_reading import read_answer
from shapley_credit.adapters.recording import Columns, Recorder, spans_of
from shapley_credit.adapters.rule_answers import OUTSIDE
from shapley_credit.convert import Array
from shapley_credit.credit.increments import Rule
from shapley_credit.errors import InputError


def record_rewards(recorder: Recorder, trainer: Any, given: Mapping[str, Any], credit: Sequence[float | None]) -> None:
    """The prompts and completions of this process, each with its credit; 0 for one that the utility leaves out."""
    if trainer is None:
        raise InputError("rollouts are recorded by step, which TRL says by log_metric; asynchronous GRPO passes none.")
    texts = {"prompt": given["prompts"], "completion": given["completions"]}
    _write(recorder, trainer, {**texts, "credit": [share or 0.0 for share in credit]})


def record_tokens(recorder: Recorder, step: Any, rows: Sequence[Array], credits: Sequence[Array]) -> None:
    """The completions of this process: the sum of the credits of their segments, each of these with its span, and advantages.

    rows: [B][T_i], advantages by token. credits: [B][..], as `by_token`.
    """
    ids, tokenizer = step.columns["completion_ids"], step.trainer.processing_class
    read = [spans_of(*row, tokenizer) for row in zip(ids, step.masks, _on_tokens(credits, step.masks), strict=True)]
    _write(
        recorder,
        step.trainer,
        {
            "prompt": step.columns["prompts"],
            "completion": [text for text, _ in read],
            "reward": step.own(step.rewards).tolist(),
            "credit": [float(credit[0]) for credit in credits],
            "advantage": [_mean(row, mask) for row, mask in zip(rows, step.masks, strict=True)],
            "segments": [[span for span in spans if span["credit"] == span["credit"]] for _, spans in read],
        },
    )


def by_token(answer: Any, masks: Sequence[Any], rewards: Sequence[float], credit: str, lam: float) -> list[Array]:
    """For each completion of a group the sum of its credits, and behind it the credit of the segment of each trainable token.

    NaN where a token is of no segment, or of an absent one.
    """
    told = read_answer(answer, masks, Rule(credit, lam)).among(rewards)
    found = []
    for row, lengths, place in zip(told.shown, told.lengths, range(len(masks)), strict=True):
        order = told.order[place] if told.order is not None else range(len(lengths))
        worth = [nan if owner == OUTSIDE else row[owner] for owner in order]
        found.append(np.concatenate([[np.nansum(row) if len(row) else 0.0], np.repeat(worth, np.asarray(lengths, np.int64))]))
    return found


def _on_tokens(credits: Sequence[Array], masks: Sequence[Sequence[int]]) -> list[Array]:
    rows = []
    for credit, mask in zip(credits, masks, strict=True):
        row = np.full(len(mask), nan)
        row[np.asarray(mask, np.bool_)] = credit[1:]
        rows.append(row)
    return rows


def _mean(row: Array, mask: Sequence[int]) -> float:
    paid = np.asarray(row, np.float64)[np.asarray(mask, np.bool_)]
    return float(paid.mean()) if len(paid) else 0.0


def _write(recorder: Recorder, trainer: Any, columns: Columns) -> None:
    step = int(trainer.state.global_step)
    if recorder.wants(step):
        processes = trainer.accelerator
        recorder.write(
            step,
            columns,
            rank=processes.process_index,
            ranks=processes.num_processes,
            evaluation=not trainer.model.training,
        )
