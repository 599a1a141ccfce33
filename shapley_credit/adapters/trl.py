"""TRL: rewards that see whole groups on any number of processes, and trainers that pay tokens, turns and groups by a rule.

Checked with TRL 1.16; the trainers need 0.26 or newer, whose loss takes advantages of shape [B, T].
"""

from __future__ import annotations

from shapley_credit.adapters.trl_rewards import group_reward
from shapley_credit.adapters.trl_rules import group_credit
from shapley_credit.adapters.trl_tokens import token_credit
from shapley_credit.adapters.trl_turns import turn_credit

__all__ = ["group_credit", "group_reward", "token_credit", "turn_credit"]
