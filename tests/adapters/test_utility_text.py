"""Set utilities that a configuration writes out as a text."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from shapley_credit import InputError
from shapley_credit import utilities as u
from shapley_credit.adapters import slime
from shapley_credit.adapters.estimators import rule_estimator
from shapley_credit.adapters.settings import configured
from shapley_credit.adapters.tunix import _estimators
from shapley_credit.adapters.utility_text import WrittenUtility, with_utility
from shapley_credit.methods.group_rules import group_advantages

from slime_samples import Sample, told

TEXT = "0.7 * Max(reward) + 0.3 * DistinctCount(answer)"
REWARDS, GROUPS, ANSWERS = [1.0, 3.0, 2.0, 2.0, 5.0], [0, 0, 0, 1, 1], ["4", "9", "4", None, "1"]


def mixed(rewards: Any, answer: Any, **_: Any) -> Any:
    return 0.7 * u.Max(rewards) + 0.3 * u.DistinctCount(answer)


@pytest.mark.parametrize("rule", ["shapley", "banzhaf", "leave_one_out"])
def test_a_text_is_the_function(rule: str) -> None:
    columns = {"answer": ANSWERS, "reward": [99.0] * 5}  # the rule's rewards go before a column of that name
    written = with_utility(rule, {"utility": TEXT, "scale": "group_std"})
    found = group_advantages(rule, REWARDS, GROUPS, columns=columns, **written)
    assert_array_equal(found, group_advantages(rule, REWARDS, GROUPS, columns=columns, utility=mixed, scale="group_std"))
    assert found.any()


def test_what_it_reads() -> None:
    written = with_utility("shapley", {"utility": TEXT})["utility"]
    assert isinstance(written, WrittenUtility)
    assert written.columns == ("answer",)
    assert pickle.loads(pickle.dumps(written)) == written


@pytest.mark.parametrize(
    ("rule", "given"),
    [("shapley", {"utility": "best"}), ("shapley", {}), ("gapo", {"utility": "Entropy(answer)"}), ("pkpo", {"m": 3})],
    ids=["name", "none", "gapo", "pkpo"],
)
def test_all_else_stays_as_it_is(rule: str, given: dict[str, Any]) -> None:
    assert with_utility(rule, given) == given


def test_the_configuration_of_verl_and_skyrl() -> None:
    rows, mask = np.array(REWARDS)[:, None], np.ones((5, 1))
    columns = {"answer": np.fromiter(ANSWERS, object, 5)}
    estimator = configured(rule_estimator, rule="shapley")
    found, _ = estimator(rows, mask, GROUPS, config={"shapley_credit": {"utility": TEXT}}, non_tensor_batch=columns)
    wanted = group_advantages("shapley", REWARDS, GROUPS, columns={"answer": ANSWERS}, utility=mixed)
    assert_array_equal(found[:, 0], wanted.astype("float32"))
    with pytest.raises(InputError, match="there is no column 'answer'"):
        estimator(rows, mask, GROUPS, config={"shapley_credit": {"utility": TEXT}})


def test_the_estimators_of_tunix() -> None:
    made = _estimators({"shapley": {"utility": "TopM(reward, 2)"}})["shapley"]
    wanted = group_advantages("shapley", [1.0, 3.0, 2.0, 5.0, 0.0, 1.0], 3, utility=lambda rewards, **_: u.TopM(rewards, 2))
    assert_array_equal(made([1.0, 3.0, 2.0, 5.0, 0.0, 1.0], 3), wanted)
    with pytest.raises(InputError, match="there is no such utility"):
        _estimators({"shapley": {"utility": "Top(reward, 2)"}})


def test_slime() -> None:
    samples = [
        Sample(group, 1, reward, metadata={"answer": answer})
        for group, reward, answer in zip(GROUPS, REWARDS, ANSWERS, strict=True)
    ]
    rows = slime.post_process_group_rule(told(rule="shapley", utility=TEXT), samples)[1]
    wanted = group_advantages("shapley", REWARDS, GROUPS, columns={"answer": ANSWERS}, utility=mixed)
    assert_array_equal([float(row[0]) for row in rows], wanted.astype("float32"))
    for text, match in {
        "Max(reward": "can't be read at character 4",
        "Mx(reward)": "there is no such utility; did you mean Max",
        "DistinctCount(anser)": "there is no column 'anser', .* did you mean answer",
        "bset": "utility must be one of best, ",
    }.items():
        with pytest.raises(InputError, match=match):
            slime.post_process_group_rule(told(rule="shapley", utility=text), samples)
