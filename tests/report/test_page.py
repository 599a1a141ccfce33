"""What a page holds: the rows of every trainer, the credits of the library, and nothing that could be obeyed."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import shapley_credit as sc
from shapley_credit import semivalues
from shapley_credit import utilities as u
from shapley_credit.adapters.scoring import credit_figures

from page_content import HOSTILE, Elements, content
from pages import run_sessions
from row_files import Command, write_rows

# The report extra has what pages need; the tests of the wheel do without.
pytestmark = pytest.mark.checkout

ROOT = Path(__file__).parents[2]
RUN = ROOT / "benchmarks" / "data" / "trl_run.jsonl.gz"

REWARD = [1.0, 2.0, 0.5, 4.0, -1.0, 1.0]
ROWS: list[dict[str, Any]] = [
    {"step": 1 + row // 3, "prompt": "why?", "completion": f"text {row}", "reward": reward, "answer": "ab"[row % 2]}
    for row, reward in enumerate(REWARD)
]
UTILITY = "0.7 * Max(reward) + 0.3 * DistinctCount(answer)"
BY = ["step", "prompt"]


def page(frame: Any, **options: Any) -> str:
    from shapley_credit import report

    made: str = report.page(frame, **options)
    return made


def held(rows: list[dict[str, Any]], **options: Any) -> tuple[dict[str, Any], list[Any]]:
    return content(page(pa.Table.from_pylist(rows), **options))


def utility_of(rows: list[dict[str, Any]]) -> Any:
    return 0.7 * u.Max([row["reward"] for row in rows]) + 0.3 * u.DistinctCount([row["answer"] for row in rows])


def test_credits_values_and_rivals_are_those_of_the_library() -> None:
    index, groups = held(ROWS, by=BY, utility=UTILITY)
    for number, rows in enumerate((ROWS[:3], ROWS[3:])):
        game = utility_of(rows)
        credit = sc.set_shapley(game)
        order = np.argsort(-credit, kind="stable")
        part = slice(3 * number, 3 * number + 3)
        assert index["credit"][part] == pytest.approx(credit[order], rel=1e-5)
        assert index["reward"][part] == [rows[place]["reward"] for place in order]
        assert groups[number] == ["why?", [rows[place]["completion"] for place in order], None]
        value = float(game.value(range(3)))
        assert index["value"][number] == pytest.approx(value, rel=1e-5)
        assert index["gap"][number] == pytest.approx(0.0, abs=1e-12)
        paid = {name: column[part] for name, column in index["paid"].items()}
        assert paid["shared"] == pytest.approx([value] * 3, rel=1e-5)
        best = int(np.argmax([row["reward"] for row in rows]))
        assert paid["winner takes all"] == pytest.approx([value * (place == best) for place in order], rel=1e-5)
        for name, rule in {"Banzhaf": semivalues.banzhaf, "leave one out": semivalues.leave_one_out}.items():
            assert paid[name] == pytest.approx(sc.set_semivalue(game, rule)[order], rel=1e-5, abs=1e-12)
    assert index["shown"] == {"answer": [ROWS[int(text[-1])]["answer"] for _, texts, _ in groups for text in texts]}
    assert (index["step"], index["sizes"], index["names"]) == ([1, 2], [3, 3], None)


@pytest.mark.parametrize("rule", ["mean", "leave_one_out", "mean/group_std", "half_window_median/group_std"])
def test_the_parts_of_an_advantage_make_it(rule: str) -> None:
    index, _ = held(ROWS, by=BY, utility=UTILITY, advantage=rule)
    credit = np.array(index["credit"])
    parts = {name: np.array(column) for name, column in index["advantage"].items()}
    assert list(parts) == ["baseline", "scale", "advantage"]
    assert (credit - parts["baseline"]) / parts["scale"] == pytest.approx(parts["advantage"], rel=1e-4, abs=1e-5)
    baseline, _, scale = rule.partition("/")
    said = sc.advantages(credit, [0] * 3 + [1] * 3, baseline=baseline, scale=scale or "none")
    assert parts["advantage"] == pytest.approx(said, rel=1e-4, abs=1e-5)


def test_advantages_of_rows_are_shown_as_they_are() -> None:
    rows = [row | {"advantage": float(number), "baseline": 0.5} for number, row in enumerate(ROWS)]
    index, _ = held(rows, by=BY, utility=UTILITY)
    assert {*index["advantage"]} == {"baseline", "advantage"}
    assert sorted(index["advantage"]["advantage"]) == [0, 1, 2, 3, 4, 5]


def test_recorded_credits_need_no_utility_and_are_checked_by_one() -> None:
    rows = [row | {"credit": credit} for row, credit in zip(ROWS, [0.5, 0.25, 0.0, 1.0, 1.0, 2.5], strict=True)]
    index, _ = held(rows, by=BY)
    assert index["credit"] == [0.5, 0.25, 0, 2.5, 1, 1]
    assert index["value"] == [0.75, 4.5]
    assert (index["gap"], index["paid"]) == (None, {})
    index, _ = held(rows, by=BY, utility="Max(reward)")
    assert index["credit"] == [0.5, 0.25, 0, 2.5, 1, 1]
    assert (index["value"], index["gap"]) == ([2, 4], [1.25, 0.5])


def test_steps_are_summed_up_as_trainers_log_them() -> None:
    rows = [
        row | {"prompt": f"q{number % 2}", "reward": row["reward"] * (1 + number % 2)} for number, row in enumerate(ROWS * 2)
    ]
    rows = [row | {"credit": row["reward"]} for row in rows]
    index, _ = held(rows, by=BY, utility="Max(reward)")
    for place, step in enumerate(index["steps"]["step"]):
        sets = [[row["reward"] for row in rows if (row["step"], row["prompt"]) == (step, prompt)] for prompt in ("q0", "q1")]
        logs = [credit_figures(credit, max(credit)) for credit in sets]
        names = {"entropy": "credit/entropy", "best": "credit/best_share", "gap": "credit/efficiency_residual"}
        for name, logged in names.items():
            pool = max if name == "gap" else np.mean  # trainers log the largest residual, and means of the others
            assert index["steps"][name][place] == pytest.approx(pool([figures[logged] for figures in logs]), rel=1e-3)
        assert index["steps"]["value"][place] == pytest.approx(np.mean([max(credit) for credit in sets]), rel=1e-3)


def test_a_group_without_credit_has_no_entropy() -> None:
    index, _ = held([{"uid": 1, "completion": "a", "reward": 0.0}, {"uid": 1, "completion": "b", "reward": 0.0}])
    assert index["steps"] == {"step": [0], "value": [0], "entropy": [None], "best": [None], "gap": [0]}
    assert (index["stepped"], index["shade"], index["names"]) == (False, 1, ["uid 1"])


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.Table.from_pylist], ids=["pandas", "polars", "arrow"])
def test_frames_of_all_libraries_make_the_same_page(make: Any) -> None:
    assert page(make(ROWS), by=BY, utility=UTILITY) == page(pa.Table.from_pylist(ROWS), by=BY, utility=UTILITY)


def test_a_function_of_the_columns_is_a_utility() -> None:
    index, _ = held(ROWS, by=BY, utility=lambda columns: u.Max(columns["reward"]))
    assert index["value"] == [2, 4]


STEPS = [{"step": row["step"]} for row in ROWS]
TRL = [
    step | {"prompt": "why?", "completion": row["completion"], "best": row["reward"], "advantage": 0.1}
    for step, row in zip(STEPS, ROWS, strict=True)
]
VERL = [
    {"input": "user\nwhy?", "output": row["completion"], "gts": "b", "score": row["reward"]} | step
    for step, row in zip(STEPS, ROWS, strict=True)
]
SAID = [[{"role": "user", "content": "why?"}, {"role": "assistant", "content": row["completion"]}] for row in ROWS]
PRIME = [
    step | {"problem_id": 7, "prompt": "", "completion": json.dumps(said), "reward": row["reward"], "task": "{}"}
    for step, row, said in zip(STEPS, ROWS, SAID, strict=True)
]
CHAT = [
    {"step": row["step"], "prompt": said[:1], "completion": said[1:], "reward": row["reward"]}
    for row, said in zip(ROWS, SAID, strict=True)
]
TRAINERS = {
    "TRL": (TRL, "parquet", "why?", "text 1"),
    "verl": (VERL, "jsonl", "user\nwhy?", "text 1"),
    "prime-rl": (PRIME, "parquet", "", "user: why?\n\nassistant: text 1"),
    "chat": (CHAT, "parquet", "why?", "text 1"),
    "chat in lines": (CHAT, "jsonl.gz", "why?", "text 1"),
}


@pytest.mark.parametrize("trainer", TRAINERS)
def test_what_trainers_write_is_read_as_it_is(trainer: str, tmp_path: Path, command: Command) -> None:
    rows, suffix, prompt, text = TRAINERS[trainer]
    by = ["--by", "step", "--by", "problem_id"] if trainer == "prime-rl" else []
    write_rows(tmp_path / f"rows.{suffix}", rows)
    done = command("page", tmp_path / f"rows.{suffix}", *by, "--out", tmp_path / "run.html")
    assert done.status == 0, done.err
    index, groups = content((tmp_path / "run.html").read_text(encoding="utf-8"))
    assert groups[0][:2] == [prompt, [text, *groups[0][1][1:]]]
    assert (index["step"], index["sizes"]) == ([1, 2], [3, 3])
    assert index["credit"][:3] == pytest.approx(sorted(sc.set_shapley(u.Max(REWARD[:3])), reverse=True), rel=1e-5)


def test_lines_and_csv_and_parquet_make_the_same_page(tmp_path: Path, command: Command) -> None:
    made = []
    for suffix in ("jsonl", "csv", "parquet"):
        write_rows(tmp_path / f"rows.{suffix}", ROWS)
        done = command(
            "page", str(tmp_path / f"rows.{suffix}"), "--utility", UTILITY, "--out", str(tmp_path / f"{suffix}.html")
        )
        assert done.err == f"group: step, prompt (guessed)\nutility: {UTILITY}\n6 rows, 0.0 MB\n"
        made.append((tmp_path / f"{suffix}.html").read_bytes())
    assert made[0] == made[1] == made[2]
    assert made[0].decode() == page(pa.Table.from_pylist(ROWS), by=BY, utility=UTILITY)


def test_the_recorded_run_has_segments_that_add_up() -> None:
    rows = [json.loads(line) for line in gzip.decompress(RUN.read_bytes()).splitlines()]
    assert RUN.stat().st_size <= 200_000
    index, groups = content(page(pd.DataFrame(rows), utility="Max(reward)"))
    assert index["segmented"]
    assert len(index["steps"]["step"]) == 20
    for number, (_, texts, parts) in enumerate(groups):
        first = sum(index["sizes"][:number])
        for place, (text, part) in enumerate(zip(texts, parts, strict=True)):
            if part:
                assert sum(part["size"]) == len(text)
                assert sum(part["credit"]) == pytest.approx(index["reward"][first + place], abs=0.03)


def test_nothing_that_models_write_stands_in_the_page(tmp_path: Path, command: Command) -> None:
    rows = [
        {"uid": text, "prompt": text, "completion": text, "reward": 1.0, "by</script>": text, "segments": segments(text)}
        for text in [*HOSTILE, "x" * 1_000_000]
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    title = HOSTILE[0] + "\u202e"
    options = ["--by", "uid", "--title", title, "--show", "by</script>", "--out", tmp_path / "run.html"]
    done = command("page", tmp_path / "rows.jsonl", *options)
    assert done.status == 0, done.err
    text = (tmp_path / "run.html").read_text(encoding="utf-8")
    index, groups = content(text)
    assert [said for _, (said,), _ in groups] == [row["completion"] for row in rows]
    assert index["names"][0] == f"uid {HOSTILE[0]}"
    elements = Elements(text)
    assert elements.texts("title") == [HOSTILE[0] + r"\u202e"]
    assert len(elements.texts("script")) == 2 + len(elements.texts("script", **{"class": "block"}))
    assert "obeyed" not in text.replace("window.obeyed = 1&lt;/script", "")
    assert not any(given.keys() & {"src", "onload", "onerror", "style"} for _, given, _ in elements.found)


def segments(text: str) -> list[dict[str, Any]]:
    half = len(text) // 2
    return [
        {"start": 0, "end": half, "credit": 0.25, "union": "</script>"},
        {"start": half, "end": len(text), "credit": -0.5, "error": 0.1, "without": 2.0},
    ]


def test_a_policy_lets_nothing_run_but_the_script_of_the_page() -> None:
    elements = Elements(page(pa.Table.from_pylist(ROWS), by=BY, utility=UTILITY))
    (policy,) = [given["content"] for tag, given, _ in elements.found if given.get("http-equiv") == "Content-Security-Policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert {*rules} == {"default-src", "base-uri", "form-action", "script-src", "style-src"}
    assert all(rules[name].startswith("'sha256-") and " " not in rules[name] for name in ("script-src", "style-src"))
    assert "unsafe" not in policy


def test_sessions_of_the_page_about_pages_run_as_printed() -> None:
    assert "<title>Two steps</title>" in run_sessions("page.md")["html"]


def test_the_same_rows_make_the_same_bytes_and_a_small_page() -> None:
    with gzip.open(ROOT / "benchmarks" / "data" / "gsm8k_model_solutions.jsonl.gz", "rt", encoding="utf-8") as lines:
        problems = [json.loads(line) for line in lines]
    models = [name for name in problems[0] if name not in ("question", "ground_truth")]
    rows = [
        {"uid": number, "prompt": problem["question"], "completion": problem[name]["solution"], "reward": 1.0}
        for number, problem in enumerate(problems)
        for name in models
    ]
    made = page(pa.Table.from_pylist(rows), by="uid")
    assert made == page(pa.Table.from_pylist(rows), by="uid")
    raw = sum(len(row["completion"].encode()) for row in rows) + sum(len(problem["question"].encode()) for problem in problems)
    assert len(made.encode()) < 0.6 * raw


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(monkeypatch, capsys)
