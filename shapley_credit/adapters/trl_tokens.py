"""TRL: GRPO in which the segments of a completion have credits of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shapley_credit.adapters.answer_reading import read_answer
from shapley_credit.adapters.recording import Recorder
from shapley_credit.adapters.scoring import Figures
from shapley_credit.adapters.segment_pay import pay_segments, tokens_of
from shapley_credit.adapters.trl_checks import (
    SCALES,
    refuse_base,
    refuse_padding,
    refuse_parameters,
    refuse_segment_settings,
    warn_of_bias,
    warn_of_sums,
)
from shapley_credit.adapters.trl_recording import by_token, record_tokens
from shapley_credit.adapters.trl_trainers import Step, with_advantages
from shapley_credit.credit.increments import Rule
from shapley_credit.credit.rules import check_spread

# What other rules of credit take, and where token credit has it.
WAYS = {
    "scale": "set scale_rewards='group' or 'none' in GRPOConfig.",
    "baseline": "own credit is less the mean of the group, and rules that accumulate less what the others get from there on.",
    "groups": "the trainer knows them, by num_generations.",
}


def token_credit(
    base: type[Any],
    rule: Callable[..., Any],
    *,
    credit: str = "own",
    lam: float = 0.0,
    spread: str = "segment",
    record: Recorder | None = None,
    **others: Any,
) -> type[Any]:
    """A GRPOTrainer whose advantages [B, T] give the segments of a completion credits of their own.

        A_ij = (phi_ij - b_i / S_i) / s for own credit; to_go, marginal and mixtures as in `credit.rules.segment_advantages`

    s is the deviation of the group's segments for scale_rewards="group", TRL's default, and 1 for "none". b_i is the mean of
    the group's totals for own credit, and that of the others for rules that accumulate.
    base: `trl.GRPOTrainer` or a subclass. credit, lam: the rule, as in `segment_advantages`. spread: of own credit, "segment"
        or "token".
    rule: called once for each whole group, on one process, with lists over its G completions: prompts, completions,
        completion_ids, masks (1 for the trainable tokens of completion_ids, 0 for tool output), rewards (NaN where no reward
        function answered) and the dataset's columns. Returns (segment_credit, segment_lengths), both [G][S_i]: credits in the
        units of the rewards, NaN for absent segments, and numbers of trainable tokens. Owen values of the reward add up to it.
        For credit="marginal" it returns (segment_credit, segment_lengths, segment_marginal), the first None unless lam mixes
        it in. Or it returns a dict of these by their names, which may also hold
        segment_order: [G][R_i], for segments in several stretches of neighbouring tokens: the segment of each stretch, from 0;
            segment_lengths [G][R_i] are then those of the stretches. -1 marks text of no segment, such as separators: own
            credit pays its tokens what plain GRPO pays those of the completion, outside of the sum of the segments; the other
            rules pay them what is to go. `segment_completions` makes both.
        marginal_lengths: [G][..], of a mixture whose marginal contributions are those of other segments, in text order.
    record: writes the completions of each step with the spans and credits of their segments; `Recorder("rollouts")`.

    Overrides `_calculate_rewards` and `_generate_and_score_completions`; a single segment is plain GRPO. Logs the figures of
    `group_reward`, over segments; TRL's table of completions goes on showing its own advantages.
    Warns once if the sums of the credits and the trainer's rewards differ by amounts that are not the same for a whole group,
    and of marginal credit without lam that is divided by a deviation, which biases it.
    Raises InputError for what can't be right: RLOO, whose loss is per sequence; TRL before 0.26; fused Liger losses; a scale
    over the batch, or for each reward; Unsloth with prompts of unequal lengths.
    """
    refuse_base(base, "token credit")
    refuse_parameters("token_credit", others, WAYS, "credit, lam, spread, record")
    check_spread(Rule(credit, lam), spread)

    def paid(group: dict[str, Any], scale: str) -> tuple[list[Any], list[Figures]]:
        answer, masks, rewards = rule(**group), group["masks"], group["rewards"]
        rows, figures = pay_segments(answer, masks, rewards, scale, credit, lam)
        warn_of_sums(read_answer(answer, masks, Rule(credit, lam)).among(rewards).totals(rewards), rewards)
        credits = [None] * len(masks) if record is None else by_token(answer, masks, rewards, credit, lam)
        return list(zip(tokens_of(rows, masks, spread), credits, strict=True)), figures

    def advantages(step: Step) -> Any:
        warn_of_bias(credit, lam, step.trainer.scale_rewards)
        own = step.own(step.rewards).tolist()
        batch, scored = step.groups({**step.columns, "masks": step.masks, "rewards": own}), []
        with batch.trying():
            refuse_padding(base, step.out["prompt_mask"])
            scored = [paid(group, SCALES[step.trainer.scale_rewards]) for group in batch.mine]
        shared, figures = batch.share(scored)
        rows = [row for row, _ in shared]
        step.log(figures)
        if record is not None:
            record_tokens(record, step, rows, [credits for _, credits in shared])
        return step.tokens(rows)

    return with_advantages(base, "TokenCredit", refuse_segment_settings, advantages)
